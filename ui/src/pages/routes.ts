import { computed } from "@preact/signals";
import type { ComponentType } from "preact";
import { dashboards } from "../definitions";
import { moment } from "../moment";
import { address, href } from "../router";
import type { IconName } from "../shell/Icon";
import { AlertsPage } from "./AlertsPage";
import { BoardTools } from "./BoardTools";
import { DashboardPage } from "./DashboardPage";
import { DefinitionPage } from "./DefinitionPage";
import { DefinitionsPage } from "./DefinitionsPage";
import { EditPage } from "./EditPage";
import { EventPage } from "./EventPage";
import { EventsPage } from "./EventsPage";
import { ExplorePage } from "./ExplorePage";
import { InsightsPage } from "./InsightsPage";
import { lazily } from "./Lazy";
import { MetricPage } from "./MetricPage";
import { RotatePage } from "./RotatePage";
import { SourcesPage } from "./SourcesPage";
import { SqlPage } from "./SqlPage";
import { StreamPage } from "./StreamPage";
import { TopicPage } from "./TopicPage";
import { UserPage } from "./UserPage";

const HomePage = lazily<PageProps>("Home", () => import("./HomePage").then(({ HomePage }) => HomePage));
const ExecutivePage = lazily<PageProps>("Executive", () => import("./ExecutivePage").then(({ ExecutivePage }) => ExecutivePage));
const OperationsPage = lazily<PageProps>("Operations", () => import("./OperationsPage").then(({ OperationsPage }) => OperationsPage));
const ModelsPage = lazily<PageProps>("Models", () => import("../models/ModelsPage").then(({ ModelsPage }) => ModelsPage));
const ModelPage = lazily<PageProps>("the model", () => import("../models/ModelPage").then(({ ModelPage }) => ModelPage));
const ExperimentPage = lazily<PageProps>("the training run", () => import("../models/ExperimentPage").then(({ ExperimentPage }) => ExperimentPage));
const SettingsPage = lazily<PageProps>("Settings", () => import("./SettingsPage").then(({ SettingsPage }) => SettingsPage));
const RulesPage = lazily<PageProps>("Rules", () => import("../watch/RulesPage").then(({ RulesPage }) => RulesPage));
const RuleEditor = lazily<{ captured: { name?: string } }>("the rule", () => import("../watch/RuleEditor").then(({ RuleEditor }) => RuleEditor));
const SilencesPage = lazily<PageProps>("Silences", () => import("../watch/SilencesPage").then(({ SilencesPage }) => SilencesPage));
const ChannelsPage = lazily<PageProps>("Channels", () => import("../watch/ChannelsPage").then(({ ChannelsPage }) => ChannelsPage));

export type Captured = Record<string, string>;
type PageProps = { captured: Captured };

/**
 * A page and the addresses that lead to it. A part of `pattern` that begins with a colon takes any text and hands it to
 * the page by that name: `events/:id`. `range` says whether the page's figures answer the range of the top bar: all of
 * them (`answers`), those that ask (`some`), or none.
 */
export type Route = {
  pattern: string;
  title: (captured: Captured) => string;
  crumb: string;
  range: "answers" | "some" | "none";
  page: ComponentType<{ captured: Captured }>;
  /** What one does with what is shown, for the top bar. */
  tools?: ComponentType<{ captured: Captured }>;
  /** The link of the rail that is marked while one is here. */
  home: string;
};

const alerts = { crumb: "What fires, and what it is about", range: "some", page: AlertsPage, home: "alerts" } as const;
const dashboard = {
  title: ({ id }: Captured) => dashboards.value?.find(({ name }) => name === id)?.spec.name ?? id ?? "",
  range: "some",
  page: DashboardPage,
  tools: BoardTools,
} as const;

/** A page joins by its file in this folder and a row here; where it belongs in the rail, by a row in `rail` too. */
export const routes: readonly Route[] = [
  { pattern: "home", title: () => "Home", crumb: "What changed since you last looked", range: "none", page: HomePage, home: "home" },
  { pattern: "new-dashboard", title: () => "New dashboard", crumb: "Drag, choose, save", range: "answers", page: EditPage, home: "new-dashboard" },
  { pattern: "dashboards/:id/edit", title: dashboard.title, crumb: "Editing", range: "answers", page: EditPage, home: "dashboards" },
  { pattern: "models", title: () => "Models", crumb: "What is trained, what answers, and how it fares", range: "none", page: ModelsPage, home: "models" },
  { pattern: "models/:name", title: ({ name }) => name ?? "", crumb: "Model", range: "none", page: ModelPage, home: "models" },
  { pattern: "experiments/:id", title: () => "Training run", crumb: "Its trials, the best first", range: "none", page: ExperimentPage, home: "models" },
  { pattern: "rotate", title: () => "In turn", crumb: "Dashboards one after the other", range: "some", page: RotatePage, home: "" },
  { pattern: "settings", title: () => "Settings", crumb: "Keys, links, channels", range: "none", page: SettingsPage, home: "settings" },
  { pattern: "dashboards/:id", ...dashboard, crumb: "Dashboard", home: "dashboards" },
  { pattern: "executive", title: () => "Executive", crumb: "How the business does, and what moved it", range: "some", page: ExecutivePage, home: "executive" },
  { pattern: "operations", title: () => "Operations", crumb: "How the system does, now", range: "none", page: OperationsPage, home: "operations" },
  { pattern: "events", title: () => "Events", crumb: "As they come in", range: "answers", page: EventsPage, home: "events" },
  { pattern: "events/:id", title: () => "Event", crumb: "One event", range: "answers", page: EventPage, home: "events" },
  { pattern: "users/:subject", title: ({ subject }) => subject ?? "", crumb: "A user's timeline", range: "answers", page: UserPage, home: "events" },
  { pattern: "explore", title: () => "Explore", crumb: "Trends, funnels, retention, paths, cohorts", range: "answers", page: ExplorePage, home: "explore" },
  { pattern: "insights", title: () => "Insights", crumb: "What rises, falls or moves together", range: "none", page: InsightsPage, home: "insights" },
  { pattern: "sql", title: () => "SQL", crumb: "Any question to the streams", range: "none", page: SqlPage, home: "sql" },
  { pattern: "sql/:name", title: ({ name }) => name ?? "", crumb: "A query that is kept", range: "none", page: SqlPage, home: "sql" },
  { pattern: "metrics/:name", title: ({ name }) => name ?? "", crumb: "Metric", range: "answers", page: MetricPage, home: "" },
  { pattern: "streams/:name", title: ({ name }) => name ?? "", crumb: "The newest rows of a stream", range: "none", page: StreamPage, home: "" },
  { pattern: "topics/:name", title: ({ name }) => name ?? "", crumb: "A live topic, as it is now", range: "none", page: TopicPage, home: "" },
  { pattern: "sources", title: () => "Sources", crumb: "What is read, and what could not be taken", range: "none", page: SourcesPage, home: "sources" },
  { pattern: "definitions", title: () => "Definitions", crumb: "What is declared, and by whom", range: "none", page: DefinitionsPage, home: "definitions" },
  { pattern: "definitions/:kind/:name", title: ({ name }) => name ?? "", crumb: "Definition", range: "none", page: DefinitionPage, home: "definitions" },
  { pattern: "rules", title: () => "Rules", crumb: "What is watched", range: "none", page: RulesPage, home: "alerts" },
  { pattern: "rule", title: () => "New rule", crumb: "What it would have done", range: "none", page: RuleEditor, home: "alerts" },
  { pattern: "rule/:name", title: ({ name }) => name ?? "", crumb: "Rule", range: "none", page: RuleEditor, home: "alerts" },
  { pattern: "silences", title: () => "Silences", crumb: "Nobody is told of these", range: "none", page: SilencesPage, home: "alerts" },
  { pattern: "channels", title: () => "Channels", crumb: "How people are told", range: "none", page: ChannelsPage, home: "alerts" },
  { pattern: "alerts", title: () => "Alerts", ...alerts },
  { pattern: "alerts/:id", title: () => "Alert", ...alerts },
  { pattern: "alert/:id", title: () => "Alert", ...alerts }, // as notifications link to it
];

type Matched = { route: Route; captured: Captured };

function match(path: readonly string[]): Matched | null {
  for (const route of routes) {
    const parts = route.pattern.split("/");
    if (parts.length !== path.length) continue;
    const captured: Captured = {};
    const fits = parts.every((part, i) => {
      if (part.startsWith(":")) captured[part.slice(1)] = path[i]!;
      return part.startsWith(":") || part === path[i];
    });
    if (fits) return { route, captured };
  }
  return null;
}

const homeName = computed(() => dashboards.value?.[0]?.name ?? "overview");

/** Where the address leads; null where that is nowhere. No address at all leads to the first dashboard. */
export const current = computed<Matched | null>(() => {
  const { path } = address.value;
  return match(path.length === 0 || path.join("/") === "overview" ? ["dashboards", homeName.value] : path);
});

/** `tab`: it has a place at the foot of a phone; the others are behind More there. */
export type RailLink = { title: string; link: string; icon: IconName; here: boolean; tab?: boolean; alerts?: boolean };
export type RailGroup = { title: string; links: RailLink[] };

/** The rail: the dashboards that are defined, then what every installation has. */
export const rail = computed<RailGroup[]>(() => {
  const here = current.value;
  const boards = dashboards.value ?? [{ name: "overview", spec: { name: "Overview" } }];
  const at = (home: string) => here?.route.home === home;
  return [
    {
      title: "",
      links: [{ title: "Home", link: href(["home"]), icon: "home", here: at("home") }],
    },
    {
      title: "Dashboards",
      links: [...boards.map(({ name, spec }, i): RailLink => ({
        title: spec.name,
        link: href(["dashboards", name]),
        icon: "board",
        here: at("dashboards") && here?.captured.id === name,
        tab: i === 0,
      })), ...(moment.value === null ? [{ title: "New dashboard", link: href(["new-dashboard"]), icon: "plus" as const, here: at("new-dashboard") }] : [])],
    },
    {
      title: "Manage",
      links: [
        { title: "Executive", link: href(["executive"]), icon: "chart", here: at("executive") },
        { title: "Operations", link: href(["operations"]), icon: "layers", here: at("operations") },
      ],
    },
    {
      title: "Explore",
      links: [
        { title: "Events", link: href(["events"]), icon: "list", here: at("events"), tab: true },
        { title: "Explore", link: href(["explore"]), icon: "chart", here: at("explore") },
        { title: "Insights", link: href(["insights"]), icon: "up", here: at("insights") },
        { title: "Models", link: href(["models"]), icon: "cube", here: at("models") },
        { title: "SQL", link: href(["sql"]), icon: "sql", here: at("sql") },
      ],
    },
    { title: "Watch", links: [{ title: "Alerts", link: href(["alerts"]), icon: "bell", here: at("alerts"), tab: true, alerts: true }] },
    {
      title: "Set up",
      links: [
        { title: "Sources", link: href(["sources"]), icon: "down", here: at("sources") },
        { title: "Definitions", link: href(["definitions"]), icon: "layers", here: at("definitions") },
        { title: "Settings", link: href(["settings"]), icon: "gear", here: at("settings") },
      ],
    },
  ];
});
