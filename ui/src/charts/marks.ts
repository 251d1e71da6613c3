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

  /** A dashed upright with its name at its head, unless the name would reach into the one at its right (`until`, in canvas px). Answers where it begins. */
  upright(t: number, text: string, colour: string, until: number): number {
    const { top, height, left } = this.plot.bbox;
    const [x, size] = [this.#x(t), 10 * this.#ratio];
    let begins = until;
    this.#paint((c) => {
      c.strokeStyle = colour;
      c.lineWidth = this.#ratio;
      c.setLineDash([2 * this.#ratio, 3 * this.#ratio]);
      c.moveTo(x, top);
      c.lineTo(x, top + height);
      c.stroke();
      c.setLineDash([]);
      c.fillStyle = colour;
      c.beginPath();
      c.moveTo(x - 4 * this.#ratio, top);
      c.lineTo(x + 4 * this.#ratio, top);
      c.lineTo(x, top + 6 * this.#ratio);
      c.fill();
      c.font = `500 ${size}px ${CANVAS_FONT}`;
      c.textBaseline = "top";
      const shown = text.length > 24 ? `${text.slice(0, 23)}…` : text;
      const width = c.measureText(shown).width;
      const room = Math.min(until, left + this.plot.bbox.width) - x - 8 * this.#ratio;
      if (width < room) c.fillText(shown, x + 6 * this.#ratio, top + this.#ratio);
      else if (x - left > width + 12 * this.#ratio && until === Infinity) {
        c.textAlign = "right";
        c.fillText(shown, x - 6 * this.#ratio, top + this.#ratio);
        begins = x - width - 12 * this.#ratio;
        return;
      }
      begins = x - 4 * this.#ratio;
    });
    return begins;
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
