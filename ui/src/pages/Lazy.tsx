import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Failed } from "../panel/Failed";
import { Skeleton } from "../panel/Skeleton";

/** A component that is loaded when it is first shown; what few people open is no part of the page's first load. */
export function lazily<P extends object>(title: string, load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let loaded: ComponentType<P> | null = null;
  return function Lazily(props: P) {
    const [Shown, setShown] = useState<ComponentType<P> | null>(() => loaded);
    const [failed, setFailed] = useState(false);
    const [tries, setTries] = useState(0);
    useEffect(() => {
      if (loaded) return;
      let left = false;
      load().then(
        (found) => {
          loaded = found;
          if (!left) setShown(() => found);
        },
        () => !left && setFailed(true),
      );
      return () => void (left = true);
    }, [tries]);
    if (Shown) return <Shown {...props} />;
    return (
      <section class="panel nowhere" aria-label={title} aria-busy={!failed}>
        {failed ? (
          <Failed
            problem={{ message: "This part of the page could not be loaded", ref: "part" }}
            retry={() => {
              setFailed(false);
              setTries(tries + 1);
            }}
          />
        ) : (
          <Skeleton shape="rows" title={title} />
        )}
      </section>
    );
  };
}
