"""The system: one object that owns a running Hindcast, from its data directory to its HTTP port."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

import httpx

from actors.cores import usable_cores
from actors.edges.acknowledging import make_secret
from actors.edges.secrets import SECRETS
from actors.models.part import ModelsSection
from actors.placement import host_named
from actors.topology import HostSpec
from config.parts import parts
from config.settings import Settings
from events.archive.store import Store, describe
from events.catalog import Stream
from events.errors import Corrupt, Rejected, Transient
from events.log import LogSpec
from hindcast import erasure_swap, kept_streams, runtime, topology, workflow
from hindcast.added_cells import AddedCells
from hindcast.control import Control
from hindcast.datadir import DataDir, Running
from hindcast.defined_sources import DefinedSources
from hindcast.definition_warnings import definition_warnings
from hindcast.engaged import Engaged
from hindcast.erasing_live import Answer, Door, Wanted
from hindcast.fleet import Ask, Fleet
from hindcast.log_place import LogHold, wanted, with_archive
from hindcast.model_serving import ModelServing
from hindcast.modelled import Modelled
from hindcast.orders import Orders
from hindcast.placement import Reconciler
from hindcast.workflow import Setup, Workflow
from serve.deployed import gateway_app, live_app
from serve.keys import key_hash
from serve.predicting.artifacts import FOLDER as ARTIFACTS
from serve.spec import GatewaySpec, ModelBounds, QueryBounds

if TYPE_CHECKING:
    from hindcast.client import Client
    from hindcast.receipts import Receipt

logger = logging.getLogger(__name__)
Placement = Literal["auto", "packed", "spread"]
START_S = 180.0
"""How long a start may take before it is given up."""
STOP_S = 30.0


class System(Modelled, Engaged):
    """A running system on this machine.

    >>> with System("demo", data_dir="data") as system:  # doctest: +SKIP
    ...     system.client.send([...])

    ``log``: where the log is, if it is not to be in files of the data directory (see ``docs/redis.md``).
    ``config``: a preset's name, a YAML file, or ``Settings``. Everything it writes is below the data directory; a second
    start on the same directory resumes where the first one was. One system a process; not thread-safe.
    """

    def __init__(
        self,
        config: str | Path | Settings = "base",
        *,
        data_dir: str | Path | None = None,
        address: str | None = None,
        port: int | None = None,
        placement: Placement | None = None,
        log: str | None = None,
    ) -> None:
        server = {name: value for name, value in (("address", address), ("port", port)) if value is not None}
        arguments: dict[str, Any] = {"server": server} if server else {}
        arguments |= {"placement": placement} if placement else {}
        arguments |= {"log": {"place": log}} if log else {}
        arguments |= {"data_dir": str(data_dir)} if data_dir else {}
        self._arguments = arguments
        if isinstance(config, Settings):
            self.settings = config.replaced(**arguments) if arguments else config
        else:
            self.settings = Settings.load(config, **arguments)
        self.data = DataDir(self.settings.data_dir.absolute())
        self._fleet: Fleet | None = None
        self._reconciler: Reconciler | None = None
        self._orders: Orders | None = None
        self._defined: DefinedSources | None = None
        self._models: ModelServing | None = None
        self._hold: LogHold | None = None
        self._log_spec: LogSpec | None = None
        self._stop_asked = threading.Event()
        self._running = False
        self._port = self.settings.server.port
        self._left: tuple[Stream, ...] = ()
        """The streams of plug-ins that are not there any more."""

    # -- life ------------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start Ray, the actors and Serve; returns when the page answers and no cell is waited for any more.

        A cell that is halted, or that rebuilds its state after an upgrade, does not keep the system from starting: it is
        logged, and shown in the status as what it is. Raises ``Rejected`` (directory or port in use) and ``Transient``
        (not ready within ``START_S``); neither leaves anything behind.
        """
        self.data.claim()
        try:
            erasure_swap.completed(self.data.path)
            hold = self._hold = LogHold(wanted(self.settings.log, self.data.path), self.data)
            self.data.keep_partitions(self.settings.log.partitions, hold.exists)
            self._left = kept_streams.keep(self.data.path / kept_streams.FOLDER, parts())
            self._describe_store()
            runtime.end_leftovers(self.data.path)
            port = self._free_port()
            self._log_spec = with_archive(hold.take(), self.data.path)
            os.environ |= runtime.environment(self.data.path, runtime.Ports(port))
            runtime.start_ray(self.data.path)
            fleet, placement = self._place_cells()
            with ThreadPoolExecutor(1) as beside:
                placed = beside.submit(placement.start, START_S)
                runtime.start_serve(self.settings.server.address, port)
                placed.result()
            self._await_hosts(fleet, placement)
            self._orders = Orders(self._log.open(), self.settings.tenant, placement)
            self._orders.start()
            self._control = Control(self.settings.tenant, lambda cell: fleet.handle(placement.where.host_of(cell)))
            self._tell_configuration()
            self._defined = self._defined_sources(placement)
            self._defined.start()
            self._deploy()
            self._await_ready()
            self._serve_models()
        except BaseException:
            self.stop()
            raise
        self._running = True
        if self.settings.models:
            self.train_in_background(self.settings.models)
        return self

    @property
    def _log(self) -> LogSpec:
        if self._log_spec is None:
            raise Transient("the system does not run; start it", 1.0)
        return self._log_spec

    def _free_port(self) -> int:
        server = self.settings.server
        with socket.socket(socket.AF_INET6 if ":" in server.address else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((server.address, self._port))
            except OSError as error:
                raise Rejected(
                    "server.port", f"{server.address}:{self._port}: {error.strerror}; choose another with --port"
                ) from error
            self._port = int(probe.getsockname()[1])  # kept: Serve reads its ports once a process
        self.url = f"http://{server.address}:{self._port}"
        return self._port

    def _place_cells(self) -> tuple[Fleet, Reconciler]:
        spec = partial(
            HostSpec,
            log=self._log,
            generation=self.data.generation,
            min_free_bytes=self.settings.log.min_free_mb << 20,
            plug_ins=parts().where,
            left=self._left,
        )
        self._fleet = Fleet(spec, runtime.NAMESPACE)
        make_secret(self.data.path / SECRETS)
        cells = topology.cells(self.settings, self.data.path, self.url)
        added = [(cell, host) for cell, host in self._added.made(parts()) if cell.name not in {c.name for c in cells}]
        self._reconciler = Reconciler(
            self._fleet,
            (*cells, *(cell for cell, _ in added)),
            self.settings.placement,
            cores=usable_cores(),
            namespace=runtime.NAMESPACE,
            hosts={cell.name: host_named(host, cell.kind, cell.name) for cell, host in added if host},
        )
        return self._fleet, self._reconciler

    def _defined_sources(self, placement: Reconciler) -> DefinedSources:
        around = topology.within(self.settings, self.data.path)
        known = self._control
        return DefinedSources(
            self._log.open(),
            placement,
            parts().source_kinds,
            around,
            lambda: known.known("definitions")["definitions"],
        )

    @property
    def _added(self) -> AddedCells:
        return AddedCells(self.data.path, topology.within(self.settings, self.data.path))

    def add_cell(self, made_by: str, settings: Mapping[str, Any] | None = None, host: str | None = None) -> str:
        """Run another cell from now on, also after a restart; answers its name.

        ``made_by``: ``module:function``. The function takes ``settings`` (plain JSON values) and an ``actors.parts.Within``,
        and answers an ``actors.topology.CellSpec``. ``host``: a host's name, or ``own``. Raises ``Rejected``, ``Transient``.
        """
        return self._added.add(self.placement, made_by, settings or {}, host)

    def remove_cell(self, cell: str) -> None:
        """Let a cell that was added end, for good; what it wrote stays. Raises ``Rejected`` and ``Transient``."""
        self._added.remove(self.placement, cell)

    @property
    def placement(self) -> Reconciler:
        """Where the cells run, and how to move one. Raises ``Transient`` where the system does not run."""
        if self._reconciler is None:
            raise Transient("the system does not run; start it", 1.0)
        return self._reconciler

    def _await_hosts(self, fleet: Fleet, placement: Reconciler) -> None:
        """Until every cell runs or says why not. A plug-in that does not come up is given up, and noted as failed."""
        hosts, failed = fleet.names, dict[str, str]()
        for host, answer in zip(hosts, fleet.ask([Ask(host, "ready") for host in hosts], START_S), strict=True):
            if isinstance(answer, Exception):
                brought = {cell.part for cell in placement.cells_of(host)} - {""}
                if not brought:
                    raise answer
                failed |= dict.fromkeys(brought, f"its process does not come up: {answer}")
        failed |= {cell.part: why for cell, why in placement.failed if cell.part}
        for part, why in failed.items():
            logger.error("plug-in %s does not come up; everything else runs: %s", part, why)
            parts().fails(part, Transient(why))
            placement.give_up(part)

    def _describe_store(self) -> None:
        """Say in the archive's folder what its object store is. One that is not configured any more may still have files
        that are nowhere else, so it is left there."""
        store = self.settings.archive.store
        if store is None:
            return
        keys = {name: f"../{SECRETS}/{said.removeprefix('file:')}" if said else "" for name, said in
                (("access_key", store.access_key), ("secret_key", store.secret_key))}  # fmt: skip
        keep = None if store.keep_gb is None else int(store.keep_gb * 1e9)
        described = Store(store.url, store.endpoint, store.region, **keys, keep_bytes=keep)
        describe(self.data.path / erasure_swap.ARCHIVE, described)

    def _tell_configuration(self) -> None:
        """Make the configured key and definitions known, and say of those that hold which of them may be a mistake."""
        try:
            self._control.tell_configuration(self.settings, self.data.admin_key)
            known = self._control.known("definitions")["definitions"]
        except Transient as error:
            logger.warning("the configured definitions are as they were at the last start: %s", error)
            return
        topics = {topic.name for topic in self.placement.where.topics}
        for name, why in definition_warnings(self.settings, known, self._log, topics):
            logger.warning("%s: %s", name, why)

    def _deploy(self) -> None:
        server, models = self.settings.server, topology.models(self.settings)
        spec = GatewaySpec(
            tenant=self.settings.tenant,
            hosts=self.placement.where,
            log=self._log,
            generation=self.data.generation,
            version=version("hindcast"),
            cors_origins=server.cors_origins,
            bound_s=self.settings.collectors.bound_s,
            max_body_bytes=server.max_body_bytes,
            max_ahead_us=int(server.max_ahead_s * 1e6),
            objective=server.objective,
            queries=QueryBounds(**self.settings.queries.model_dump()),
            otlp="otlp" in {part.name for part, _ in self.settings.asked_parts()},
            routes=topology.routes(self.settings),
            source_sections=tuple((kind.name, kind.section) for kind in parts().source_kinds.values()),
            webhooks=topology.webhooks(self.settings),
            secrets=self.data.path / SECRETS,
            plug_ins=tuple(parts().plug_ins.values()),
            left=self._left,
            models=None if models is None else self._bounds_of(models),
        )
        apps = {"live": (partial(live_app, spec), "/live"), "gateway": (partial(gateway_app, spec), "/")}
        runtime.deploy(apps, topology.gateways(usable_cores()))

    def _bounds_of(self, section: ModelsSection) -> ModelBounds:
        artifacts = self.data.path / ARTIFACTS
        return ModelBounds(artifacts, section.max_model_mb, section.max_rows, section.require_approval)

    def _serve_models(self) -> None:
        section, known = topology.models(self.settings), self._control
        if section is not None:
            self._models = ModelServing(
                self._log.open(),
                self.settings.tenant,
                self.data.path / ARTIFACTS,
                section,
                lambda: known.shown("model_registry", "models")["models"],
            )
            self._models.start()

    def _await_ready(self) -> None:
        deadline = time.monotonic() + START_S
        said = "no answer"
        while time.monotonic() < deadline:
            try:
                answer = httpx.get(f"{self.url}/ready", timeout=10.0)
                said = answer.text[:500]
                if answer.status_code in (200, 503) and not (found := answer.json()).get("waiting", True):
                    break
            except (httpx.HTTPError, ValueError) as error:
                said = str(error)
            time.sleep(0.1)
        else:
            raise Transient(f"the system is not ready after {START_S:.0f} s: {said}")
        for cell, state in {**found.get("rebuilding", {}), **found.get("down", {})}.items():
            logger.warning("%s: %s", cell, state)
        self.data.announce(
            Running(
                address=self.url,
                pid=os.getpid(),
                ray_address=runtime.ray_address(),
                namespace=runtime.NAMESPACE,
                placement=self.placement.where.placement,
                started=time.time(),
                version=version("hindcast"),
            )
        )

    def wait(self) -> None:
        """Block until Ctrl-C, SIGTERM or ``ask_stop``; a second signal ends the process at once."""

        def asked(number: int, _: FrameType | None) -> None:
            if self._stop_asked.is_set():
                raise KeyboardInterrupt
            self._stop_asked.set()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, asked)
        door = Door(self.data.path)
        try:
            while not self._stop_asked.wait(0.5):
                if door.serve(self._asked_to_erase):
                    door.close()
                    if not self._running:
                        raise Transient("the system did not start again after an erasure; see above", 5.0)
                    door = Door(self.data.path)
        finally:
            door.close()

    def erase(self, subject: str, also: Sequence[str] = (), reference: str = "", tenant: str | None = None) -> Receipt:
        """Erase a person: the system drains and stops, log and archive are written anew, and it starts again.

        See ``hindcast.erasing.erase``, which raises; whatever it raises, a system that ran starts again.
        """
        from hindcast.erasing import erase

        ran = self._running
        self.stop()
        try:
            return erase(self.data.path, subject, also, reference, tenant)
        finally:
            if ran:
                self.start()

    def _asked_to_erase(self, wanted: Wanted) -> Answer:
        logger.warning("asked to erase a person: it drains, and starts again when that is done")
        answer = Answer()
        try:
            from hindcast.erasing import erase

            self.stop()
            answer.receipt = erase(self.data.path, wanted.subject, wanted.also, wanted.reference, wanted.tenant)
        except (Rejected, Transient, Corrupt) as error:
            answer.field, answer.reason = getattr(error, "field", ""), getattr(error, "reason", str(error))
        try:
            self.start()
        except (Rejected, Transient) as error:
            logger.exception("it does not start again")
            answer.after = str(error)
        return answer

    def ask_stop(self) -> None:
        """Let ``wait`` return."""
        self._stop_asked.set()

    def stop(self) -> None:
        """Take no more requests, drain every host, end all that was started. Harmless where nothing runs."""
        import ray

        self._end_trainer()
        if ray.is_initialized():
            if self._models:
                self._models.stop()
            runtime.stop_serve()
            if self._defined:
                self._defined.stop()
            if self._orders:
                self._orders.stop()
            if self._reconciler:
                self._reconciler.stop()
            if self._fleet and (late := self._fleet.end(self._fleet.names, STOP_S)):
                logger.warning("%d hosts did not drain in %.0f s", late, STOP_S)
            runtime.stop_ray()
        if self._hold:
            self._hold.end()
            runtime.forget_sockets(self.data.path)
        self._hold = self._log_spec = None
        self._fleet = self._reconciler = self._orders = self._defined = self._models = None
        self._running = False
        self.data.release()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    # -- use -------------------------------------------------------------------------------------------------------

    def setup_complete_system(self, config: Mapping[str, Any]) -> Setup:
        """Bring the system to ``{data_sources, streams, models, dashboards, alerts, ml_config}`` and say what came of it.

        Starts it, or starts it anew where it runs with other settings; with the same ones nothing happens, so that calling
        it again is safe. The arguments that this object was made with go on to hold. Raises ``Rejected`` for a mistake in
        ``config``, before anything is touched.
        """
        wanted = Settings.from_complete({"data_dir": str(self.settings.data_dir), **config}).replaced(**self._arguments)
        if wanted.ml_config:
            workflow.check_ml_config(wanted.ml_config)
        if not self._running or wanted != self.settings:
            self.stop()
            self.settings, self.data = wanted, DataDir(wanted.data_dir.absolute())
            self.start()
        with self.client as client:
            return workflow.described(self.settings, client)

    def run_analytics_workflow(self, timeout_s: float = 30.0) -> Workflow:
        """Everything that was accepted so far, collected, analysed, shown, watched: see ``Workflow``.

        Raises ``Transient`` where the system does not run, or has not read it all within ``timeout_s``.
        """
        if not self._running:
            raise Transient("the system does not run; start it, or call setup_complete_system", 1.0)
        with self.client as client:
            return workflow.run(self.settings, client, timeout_s)

    @property
    def admin_key(self) -> str:
        """The first API key, with every scope (unless it was revoked, see ``first_key_holds``)."""
        return self.data.admin_key

    @property
    def first_key_holds(self) -> bool:
        """Whether the first API key has not been revoked, as far as can be told."""
        try:
            return key_hash(self.admin_key) in self._control.known("keys")["keys"]
        except Transient:
            return True

    def new_link(self) -> str:
        """An address that opens the page once, without a key, within a day. Raises ``Transient``."""
        return f"{self.url}/?token={self._control.create_link()}"

    @property
    def client(self) -> Client:
        """A client of this system with every scope."""
        from hindcast.client import Client

        return Client(self.url, self.admin_key)

    def create_key(self, name: str, scopes: list[str], source: str | None = None) -> str:
        """A new API key with ``scopes`` (ingest, query, control, admin) for the events of ``source``, as over HTTP."""
        return self._control.create_key(name, scopes, source)

    def revoke_keys(self, name: str) -> None:
        """Revoke every API key of that name."""
        self._control.revoke_keys(name)

    @staticmethod
    def down(data_dir: str | Path, timeout_s: float = STOP_S + 15) -> bool:
        """Stop the system that runs on ``data_dir``, or starts there; False where none does.

        Raises ``Transient`` if it will not end.
        """
        running = DataDir(Path(data_dir).absolute()).started()
        if running is None:
            return False
        os.kill(running.pid, signal.SIGTERM)
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if DataDir(Path(data_dir).absolute()).running() is None:
                return True
            time.sleep(0.1)
        raise Transient(f"process {running.pid} has not stopped within {timeout_s:.0f} s; look at its terminal")
