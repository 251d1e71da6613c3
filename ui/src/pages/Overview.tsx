import { WidgetGrid } from "../widgets/WidgetGrid";
import { overview } from "./overview-layout";

export function Overview() {
  return <WidgetGrid layout={overview} />;
}
