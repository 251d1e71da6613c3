import type uPlot from "uplot";
import { token } from "../theme";
import { CANVAS_FONT } from "./axis";

/** Marks drawn over a uPlot, in data coordinates. Sizes are CSS px. */
export class Marks {
  readonly #context: CanvasRenderingContext2D;
  readonly #ratio = devicePixelRatio;

  constructor(private readonly plot: uPlot) {
    this.#context = plot.ctx;
  }

  /** A hollow diamond at (t, y). */
  diamond(t: number, y: number, colour: string) {
    const [x, cy, reach] = [this.#x(t), this.#y(y), 5.5 * this.#ratio];
    this.#paint((c) => {
      c.fillStyle = token("--panel");
      c.strokeStyle = colour;
      c.lineWidth = 2 * this.#ratio;
      c.moveTo(x, cy - reach);
      c.lineTo(x + reach, cy);
      c.lineTo(x, cy + reach);
      c.lineTo(x - reach, cy);
      c.closePath();
      c.fill();
      c.stroke();
    });
  }

  /** A thin upright from one value to another. */
  stem(t: number, from: number, to: number) {
    this.#paint((c) => {
      c.strokeStyle = token("--ink-3");
      c.lineWidth = this.#ratio;
      c.moveTo(this.#x(t), this.#y(from));
      c.lineTo(this.#x(t), this.#y(to));
      c.stroke();
    });
  }

  dot(t: number, y: number, colour: string, radius = 4) {
    this.#paint((c) => {
      c.fillStyle = colour;
      c.strokeStyle = token("--panel");
      c.lineWidth = 2 * this.#ratio;
      c.arc(this.#x(t), this.#y(y), radius * this.#ratio, 0, 2 * Math.PI);
      c.fill();
      c.stroke();
    });
  }

  /** A hollow dot: a value that is not final. */
  ring(t: number, y: number, colour: string) {
    this.#paint((c) => {
      c.fillStyle = token("--panel");
      c.strokeStyle = colour;
      c.lineWidth = 1.5 * this.#ratio;
      c.arc(this.#x(t), this.#y(y), 3 * this.#ratio, 0, 2 * Math.PI);
      c.fill();
      c.stroke();
    });
  }

  /** A dashed level across the plot, with its value written on it at the right. */
  threshold(y: number, text: string, colour: string) {
    const { left, width } = this.plot.bbox;
    const cy = this.#y(y);
    this.#paint((c) => {
      c.strokeStyle = colour;
      c.lineWidth = this.#ratio;
      c.setLineDash([4 * this.#ratio, 4 * this.#ratio]);
      c.moveTo(left, cy);
      c.lineTo(left + width, cy);
      c.stroke();
      c.font = `500 ${10 * this.#ratio}px ${CANVAS_FONT}`;
      c.textAlign = "right";
      c.textBaseline = "bottom";
      c.fillStyle = colour;
      c.fillText(text, left + width, cy - 2 * this.#ratio);
    });
  }

  #x(t: number) {
    return this.plot.valToPos(t, "x", true);
  }

  #y(y: number) {
    return this.plot.valToPos(y, "y", true);
  }

  #paint(draw: (context: CanvasRenderingContext2D) => void) {
    this.#context.save();
    // The series drawn last may have left its dashes behind.
    this.#context.setLineDash([]);
    this.#context.globalAlpha = 1;
    this.#context.beginPath();
    draw(this.#context);
    this.#context.restore();
  }
}
