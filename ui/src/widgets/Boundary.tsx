import { Component, type ComponentChildren } from "preact";
import { live } from "../live";
import { Failed } from "../panel/Failed";

type Props = { title: string; topic: string | null; children: ComponentChildren };

/** Keeps a widget that cannot draw its data from taking the page with it. A retry starts from a new snapshot. */
export class Boundary extends Component<Props, { failure: string | null }> {
  override state = { failure: null };

  static override getDerivedStateFromError(error: unknown) {
    return { failure: error instanceof Error ? error.message : String(error) };
  }

  retry = () => {
    if (this.props.topic) live.topic(this.props.topic).discard();
    this.setState({ failure: null });
  };

  override render() {
    if (this.state.failure === null) return this.props.children;
    return (
      <section class="panel" aria-label={this.props.title}>
        <header>
          <h2>{this.props.title}</h2>
        </header>
        <Failed
          problem={{ message: "These figures could not be drawn", ref: this.state.failure }}
          retry={this.retry}
        />
      </section>
    );
  }
}
