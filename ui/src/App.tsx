import { ExplainPanel } from "./explain/ExplainPanel";
import { live } from "./live";
import { mistaken } from "./moment";
import { Nowhere } from "./pages/Nowhere";
import { current } from "./pages/routes";
import { PaletteHost } from "./palette/PaletteHost";
import { Help } from "./shell/Help";
import { Notices } from "./shell/Notices";
import { NoMoment, PastSign } from "./shell/PastSign";
import { PageTitle } from "./shell/PageTitle";
import { Rail } from "./shell/Rail";
import { SignIn } from "./shell/SignIn";
import { TopBar } from "./shell/TopBar";

/** Goes to the content without touching the fragment, which is the router's. */
function skipToContent(event: Event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

export function App() {
  const here = current.value;
  const Page = here?.route.page;
  return (
    <>
      <a class="skip" href="#main" onClick={skipToContent}>
        Skip to content
      </a>
      <PageTitle />
      <Rail />
      <div class="body">
        <TopBar />
        <PastSign />
        <main id="main" tabIndex={-1}>
          {live.state.value === "signed-out" ? (
            <SignIn />
          ) : mistaken.value ? (
            <NoMoment />
          ) : Page ? (
            <Page key={here.route.pattern} captured={here.captured} />
          ) : (
            <Nowhere />
          )}
        </main>
      </div>
      <ExplainPanel />
      <Notices />
      <Help />
      <PaletteHost />
    </>
  );
}
