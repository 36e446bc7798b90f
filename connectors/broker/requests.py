"""What is asked beside Produce and Fetch: topics, offsets, producers' ids, groups. Each request gets one answer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final, TypeAlias

from connectors.broker import errors
from connectors.broker.configs import Configs, Unfit
from connectors.broker.groups import Groups
from connectors.broker.log import PartitionLog
from connectors.broker.members import Later
from connectors.broker.messages import APIS
from connectors.broker.offsets import Offset, Offsets
from connectors.broker.schema import Row
from connectors.broker.topics import NAME, BrokerTopic, Topics
from connectors.broker.wire import NO_UUID

#: The only broker that there is.
NODE: Final = 1
_LATEST, _EARLIEST, _GREATEST = -1, -2, -3
_TOPIC, _BROKER = 2, 4
_GROUP_KEY, _TRANSACTION_KEY = 0, 1
_FROM_TOPIC, _FROM_DEFAULT, _FROM_BROKER = 1, 5, 4

Answer: TypeAlias = Callable[[Row], None]


@dataclass(frozen=True)
class Client:
    """Who asks."""

    id: str
    host: str


@dataclass(frozen=True)
class Address:
    """Where clients find the broker."""

    host: str
    port: int


class Gathered:
    """Waits for ``wanted`` answers that come in any order, then gives them in theirs."""

    def __init__(self, wanted: int, done: Callable[[list[Row]], None]) -> None:
        self._rows: dict[int, Row] = {}
        self._wanted = wanted
        self._done = done
        if not wanted:
            done([])

    def take(self, number: int, row: Row) -> None:
        self._rows[number] = row
        if len(self._rows) == self._wanted:
            self._done([self._rows[each] for each in range(self._wanted)])


class Requests:
    """``handle`` answers one request, now or later, in the event loop's thread."""

    def __init__(
        self,
        topics: Topics,
        offsets: Offsets,
        address: Address,
        later: Later,
        readers: Executor,
        in_loop: Callable[[Callable[[], None]], None],
        settings: dict[str, str],
        most_partitions: int,
    ) -> None:
        """``readers`` may wait for the disk, and ``in_loop`` brings their answer back. ``settings``: what is told of
        the broker itself."""
        self._topics = topics
        self._offsets = offsets
        self._address = address
        self._readers = readers
        self._in_loop = in_loop
        self._settings = settings
        self._most_partitions = most_partitions
        self._groups = Groups(later)
        self._making: set[str] = set()
        self._handlers: dict[int, Callable[[int, Row, Client, Answer], None]] = {
            2: self._list_offsets,
            3: self._metadata,
            8: self._offset_commit,
            9: self._offset_fetch,
            10: self._find_coordinator,
            11: self._join_group,
            12: self._heartbeat,
            13: self._leave_group,
            14: self._sync_group,
            15: self._describe_groups,
            16: self._list_groups,
            18: self._api_versions,
            19: self._create_topics,
            20: self._delete_topics,
            21: self._delete_records,
            22: self._init_producer_id,
            23: self._offset_for_leader_epoch,
            32: self._describe_configs,
            42: self._delete_groups,
            60: self._describe_cluster,
        }

    def handle(self, key: int, version: int, request: Row, client: Client, answer: Answer) -> None:
        self._handlers[key](version, request, client, answer)

    # -- the cluster

    def _api_versions(self, version: int, request: Row, client: Client, answer: Answer) -> None:
        answer(api_versions())

    def _broker(self) -> Row:
        return {"node_id": NODE, "broker_id": NODE, "host": self._address.host, "port": self._address.port}

    def _metadata(self, version: int, request: Row, client: Client, answer: Answer) -> None:
        wanted = request["topics"]
        if wanted is None or (version == 0 and not wanted):
            found = [self._topic_row(topic) for topic in self._topics.by_name.values()]
        else:
            found = [self._wanted_topic(each) for each in wanted]
        answer(
            {
                "brokers": [self._broker()],
                "cluster_id": self._topics.state.cluster,
                "controller_id": NODE,
                "topics": found,
            }
        )

    def _wanted_topic(self, wanted: Row) -> Row:
        name, topic_id = wanted["name"], wanted["topic_id"]
        if name is None:
            topic = self._topics.by_id.get(topic_id)
            return (
                {"error_code": errors.UNKNOWN_TOPIC_ID, "name": None, "topic_id": topic_id}
                if topic is None
                else self._topic_row(topic)
            )
        topic = self._topics.by_name.get(name)
        if topic is not None:
            return self._topic_row(topic)
        error = errors.UNKNOWN_TOPIC_OR_PARTITION if _is_name(name) else errors.INVALID_TOPIC
        return {"error_code": error, "name": name}

    def _topic_row(self, topic: BrokerTopic) -> Row:
        return {
            "name": topic.name,
            "topic_id": topic.id,
            "partitions": [
                {
                    "partition_index": log.number,
                    "leader_id": NODE,
                    "leader_epoch": log.standing.epoch,
                    "replica_nodes": [NODE],
                    "isr_nodes": [NODE],
                }
                for log in topic.partitions
            ],
        }

    def _describe_cluster(self, version: int, request: Row, client: Client, answer: Answer) -> None:
        answer({"cluster_id": self._topics.state.cluster, "controller_id": NODE, "brokers": [self._broker()]})

    def _init_producer_id(self, version: int, request: Row, client: Client, answer: Answer) -> None:
        if request["transactional_id"] is not None:
            answer(
                {"error_code": errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED}
            )  # ends the client, which a wait does not
            return

        def taken(producer: int | None) -> None:
            if producer is None:
                answer({"error_code": errors.STORAGE_ERROR})
            else:
                answer({"producer_id": producer, "producer_epoch": 0})

        self._topics.take_producer_id(taken)

    # -- topics

    def _create_topics(self, version: int, request: Row, client: Client, answer: Answer) -> None:
        wanted = {each["name"]: each for each in request["topics"]}
        twice = {name for name in wanted if sum(each["name"] == name for each in request["topics"]) > 1}
        gathered = Gathered(len(wanted), lambda rows: answer({"topics": rows}))
        for number, each in enumerate(wanted.values()):
            if each["name"] in twice:
                refused = {"error_code": errors.INVALID_REQUEST, "error_message": "the topic comes twice"}
                gathered.take(number, {"name": each["name"], **refused})
            else:
                self._create(each, request["validate_only"], number, gathered)

    def _create(self, wanted: Row, only_check: bool, number: int, gathered: Gathered) -> None:
        name = wanted["name"]
        partitions, error, why = self._refused_topic(wanted)
        configs = Configs()
        if not error:
            try:
                configs = Configs.of({each["name"]: each["value"] for each in wanted["configs"]})
            except Unfit as unfit:
                error, why = errors.INVALID_CONFIG, str(unfit)
        row: Row = {"name": name, "error_code": error, "error_message": why or None}
        if error or only_check:
            gathered.take(number, row)
            return
        self._making.add(name)

        def made(failure: OSError | None) -> None:
            self._making.discard(name)
            if failure is not None:
                told = {"error_code": errors.STORAGE_ERROR, "error_message": failure.strerror}
                gathered.take(number, {"name": name, **told})
                return
            about = {"topic_id": topic.id, "num_partitions": partitions, "replication_factor": 1}
            gathered.take(number, {**row, **about, "configs": _config_rows(configs)})

        topic = self._topics.create(name, partitions, configs, made)

    def _refused_topic(self, wanted: Row) -> tuple[int, int, str]:
        """Partitions, error, and why."""
        name, partitions = wanted["name"], wanted["num_partitions"]
        if wanted["assignments"]:
            replicas = {each["partition_index"]: each["broker_ids"] for each in wanted["assignments"]}
            partitions = len(replicas)
            if set(replicas) != set(range(partitions)) or any(each != [NODE] for each in replicas.values()):
                return 0, errors.INVALID_REPLICA_ASSIGNMENT, f"there is only broker {NODE}"
        elif wanted["replication_factor"] not in (-1, 1):
            return 0, errors.INVALID_REPLICATION_FACTOR, "there is only one broker"
        elif partitions == -1:
            partitions = 1
        if not _is_name(name):
            return 0, errors.INVALID_TOPIC, "a topic's name has 1 to 249 of a-z, A-Z, 0-9, '.', '_' and '-'"
        if name in self._topics.by_name or name in self._making:
            return 0, errors.TOPIC_ALREADY_EXISTS, f"topic {name} exists already"
        if partitions < 1:
            return 0, errors.INVALID_PARTITIONS, "a topic has one partition at least"
        if partitions > (room := self._most_partitions - self._topics.partitions):
            return 0, errors.INVALID_PARTITIONS, f"the embedded broker has room for {room} more partitions"
        return partitions, errors.NONE, ""

    def _delete_topics(self, version: int, request: Row, client: Client, answer: Answer) -> None:
        wanted: list[tuple[str | None, bytes]] = (
            [(each["name"], each["topic_id"]) for each in request["topics"]]
            if version >= 6
            else [(name, NO_UUID) for name in request["topic_names"]]
        )
        wanted = list(dict.fromkeys(wanted))
        gathered = Gathered(len(wanted), lambda rows: answer({"responses": rows}))
        for number, (name, topic_id) in enumerate(wanted):
            topic = self._topics.by_id.get(topic_id) if name is None else self._topics.by_name.get(name)
            if topic is None:
                unknown = errors.UNKNOWN_TOPIC_ID if name is None else errors.UNKNOWN_TOPIC_OR_PARTITION
                gathered.take(number, {"name": name, "topic_id": topic_id, "error_code": unknown})
                continue
            self._delete(topic, number, gathered)

    def _delete(self, topic: BrokerTopic, number: int, gathered: Gathered) -> None:
        self._making.add(topic.name)  # its folder is in the way until it is moved

        def deleted(failure: OSError | None) -> None:
            self._making.discard(topic.name)
            error = errors.NONE if failure is None else errors.STORAGE_ERROR
            gathered.take(number, {"name": topic.name, "topic_id": topic.id, "error_code": error})

        self._topics.delete(topic, deleted)
        self._offsets.forget_topic(topic.name)

    def _delete_records(self, version: int, request: Row, client: Client, answer: Answer) -> None:
        wanted = [(topic["name"], each) for topic in request["topics"] for each in topic["partitions"]]
        gathered = Gathered(len(wanted), lambda rows: answer({"topics": _by_topic(rows, "name")}))
        for number, (name, each) in enumerate(wanted):
            self._delete_before(name, each, number, gathered)

    def _delete_before(self, name: str, each: Row, number: int, gathered: Gathered) -> None:
        row: Row = {"name": name, "partition_index": each["partition_index"]}
        log = self._topics.find(name, each["partition_index"])
        if log is None:
            gathered.take(number, {**row, "error_code": errors.UNKNOWN_TOPIC_OR_PARTITION})
            return
        offset = log.end if each["offset"] == -1 else each["offset"]
        if not 0 <= offset <= log.end:
            gathered.take(number, {**row, "error_code": errors.OFFSET_OUT_OF_RANGE})
            return

        def deleted(failure: OSError | None) -> None:
            error = errors.NONE if failure is None else errors.STORAGE_ERROR
            gathered.take(number, {**row, "error_code": error, "low_watermark": log.start})

        log.delete_before(offset, deleted)

    def _describe_configs(self, version: int, request: Row, client: Client, answer: Answer) -> None:
        answer({"results": [self._described(each) for each in request["resources"]]})

    def _described(self, resource: Row) -> Row:
        kind, name, keys = resource["resource_type"], resource["resource_name"], resource["configuration_keys"]
        row: Row = {"resource_type": kind, "resource_name": name}
        if kind == _TOPIC and name in self._topics.by_name:
            found = _config_rows(self._topics.by_name[name].configs)
        elif kind == _TOPIC:
            return {**row, "error_code": errors.UNKNOWN_TOPIC_OR_PARTITION}
        elif kind == _BROKER and name in ("", str(NODE)):
            found = [
                {"name": key, "value": value, "read_only": True, "config_source": _FROM_BROKER, "config_type": 2}
                for key, value in self._settings.items()
            ]
        else:
            return {
                **row,
                "error_code": errors.INVALID_REQUEST,
                "error_message": "only topics and the broker are told of",
            }
        return {**row, "configs": [each for each in found if keys is None or each["name"] in keys]}

    # -- offsets in the log

    def _list_offsets(self, version: int, request: Row, client: Client, answer: Answer) -> None:
        wanted = [(topic["name"], each) for topic in request["topics"] for each in topic["partitions"]]
        gathered = Gathered(len(wanted), lambda rows: answer({"topics": _by_topic(rows, "name")}))
        for number, (name, each) in enumerate(wanted):
            row: Row = {"name": name, "partition_index": each["partition_index"]}
            log = self._topics.find(name, each["partition_index"])
            if log is None:
                gathered.take(number, {**row, "error_code": errors.UNKNOWN_TOPIC_OR_PARTITION})
            elif error := log.refuse_epoch(each["current_leader_epoch"]):
                gathered.take(number, {**row, "error_code": error})
            else:
                self._offset_at(log, each["timestamp"], {**row, "leader_epoch": log.standing.epoch}, number, gathered)

    def _offset_at(self, log: PartitionLog, time_ms: int, row: Row, number: int, gathered: Gathered) -> None:
        if time_ms in (_LATEST, _EARLIEST):
            gathered.take(number, {**row, "offset": log.end if time_ms == _LATEST else log.start})
            return
        if time_ms < _GREATEST:
            gathered.take(number, {**row, "error_code": errors.UNSUPPORTED_VERSION})
            return

        def look() -> None:
            try:
                offset, found = log.greatest_time() if time_ms == _GREATEST else log.offset_of_time(time_ms)
                told: Row = {**row, "offset": offset, "timestamp": found}
                if offset < 0:
                    told["leader_epoch"] = -1
            except OSError:
                told = {**row, "error_code": errors.STORAGE_ERROR}
            self._in_loop(lambda: gathered.take(number, told))

        self._readers.submit(look)

    def _offset_for_leader_epoch(self, version: int, request: Row, client: Client, answer: Answer) -> None:
        answer(
            {
                "topics": [
                    {
                        "topic": topic["topic"],
                        "partitions": [self._end_of_epoch(topic["topic"], each) for each in topic["partitions"]],
                    }
                    for topic in request["topics"]
                ]
            }
        )

    def _end_of_epoch(self, name: str, each: Row) -> Row:
        row: Row = {"partition": each["partition"]}
        log = self._topics.find(name, each["partition"])
        if log is None:
            return {**row, "error_code": errors.UNKNOWN_TOPIC_OR_PARTITION}
        error = log.refuse_epoch(each["current_leader_epoch"])
        if error:
            return {**row, "error_code": error}
        epoch, end = log.standing.end_of(each["leader_epoch"], log.end)
        return {**row, "leader_epoch": epoch, "end_offset": end}

    # -- groups

    def _find_coordinator(self, version: int, request: Row, client: Client, answer: Answer) -> None:
        if request["key_type"] == _GROUP_KEY:
            found: Row = self._broker()
        else:
            found = {
                "error_code": errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
                if request["key_type"] == _TRANSACTION_KEY
                else errors.INVALID_REQUEST,
                "error_message": "the embedded broker has no transactions",
            }
        if version >= 4:
            answer({"coordinators": [{"key": key, **found} for key in request["coordinator_keys"]]})
        else:
            answer(found)

    def _join_group(self, version: int, request: Row, client: Client, answer: Answer) -> None:
        group = self._groups.made(request["group_id"])
        if group is None:
            answer({"error_code": errors.INVALID_GROUP_ID, "member_id": request["member_id"]})
        else:
            group.join(request, version, client.id, client.host, answer)

    def _sync_group(self, version: int, request: Row, client: Client, answer: Answer) -> None:
        group = self._groups.get(request["group_id"])
        if group is None:
            answer({"error_code": errors.UNKNOWN_MEMBER_ID})
        else:
            group.sync(request, answer)

    def _heartbeat(self, version: int, request: Row, client: Client, answer: Answer) -> None:
        group = self._groups.get(request["group_id"])
        answer({"error_code": errors.UNKNOWN_MEMBER_ID if group is None else group.heartbeat(request)})

    def _leave_group(self, version: int, request: Row, client: Client, answer: Answer) -> None:
        group = self._groups.get(request["group_id"])
        leaving = [{"member_id": request["member_id"]}] if version < 3 else request["members"]
        rows = [
            {
                "member_id": each["member_id"],
                "group_instance_id": each.get("group_instance_id"),
                "error_code": errors.UNKNOWN_MEMBER_ID
                if group is None
                else group.leave(each["member_id"], each.get("group_instance_id")),
            }
            for each in leaving
        ]
        answer({"error_code": rows[0]["error_code"] if version < 3 else errors.NONE, "members": rows})

    def _offset_commit(self, version: int, request: Row, client: Client, answer: Answer) -> None:
        group = self._groups.get(request["group_id"])
        error = errors.NONE
        if not request["group_id"]:
            error = errors.INVALID_GROUP_ID
        elif group is not None:
            error = group.may_commit(request["member_id"], request["generation_id_or_member_epoch"])
        elif request["generation_id_or_member_epoch"] >= 0:
            error = errors.ILLEGAL_GENERATION
        wanted = [(topic["name"], each) for topic in request["topics"] for each in topic["partitions"]]
        found = {
            (name, each["partition_index"]): Offset(
                each["committed_offset"], each["committed_leader_epoch"], each["committed_metadata"]
            )
            for name, each in wanted
            if self._topics.find(name, each["partition_index"]) is not None
        }

        def committed(failure: OSError | None) -> None:
            result = error or (errors.STORAGE_ERROR if failure is not None else errors.NONE)
            rows = [
                {
                    "name": name,
                    "partition_index": each["partition_index"],
                    "error_code": result
                    if result or (name, each["partition_index"]) in found
                    else errors.UNKNOWN_TOPIC_OR_PARTITION,
                }
                for name, each in wanted
            ]
            answer({"topics": _by_topic(rows, "name")})

        if error or not found:
            committed(None)
        else:
            self._offsets.commit(request["group_id"], found, committed)

    def _offset_fetch(self, version: int, request: Row, client: Client, answer: Answer) -> None:
        if version >= 8:
            groups = [{"group_id": each["group_id"], "topics": self._committed(each)} for each in request["groups"]]
            answer({"groups": groups})
        else:
            answer({"topics": self._committed(request)})

    def _committed(self, asked: Row) -> list[Row]:
        offsets = self._offsets.of(asked["group_id"])
        topics = asked["topics"]
        keys = (
            list(offsets)
            if topics is None
            else [(topic["name"], number) for topic in topics for number in topic["partition_indexes"]]
        )
        rows: list[Row] = []
        for name, number in keys:
            offset = offsets.get((name, number), Offset(-1, -1, ""))
            rows.append(
                {
                    "name": name,
                    "partition_index": number,
                    "committed_offset": offset.next,
                    "committed_leader_epoch": offset.leader_epoch,
                    "metadata": offset.metadata or "",
                }
            )
        return _by_topic(rows, "name")

    def _list_groups(self, version: int, request: Row, client: Client, answer: Answer) -> None:
        rows: list[Row] = []
        for name in dict.fromkeys([*self._groups.by_id, *self._offsets.groups()]):
            group = self._groups.get(name)
            rows.append(
                {
                    "group_id": name,
                    "protocol_type": "" if group is None else group.protocol_type,
                    "group_state": "Empty" if group is None else group.state,
                    "group_type": "classic",
                }
            )
        states, kinds = request["states_filter"], request["types_filter"]
        answer(
            {
                "groups": [
                    row
                    for row in rows
                    if (not states or row["group_state"].lower() in {each.lower() for each in states})
                    and (not kinds or "classic" in {each.lower() for each in kinds})
                ]
            }
        )

    def _describe_groups(self, version: int, request: Row, client: Client, answer: Answer) -> None:
        rows: list[Row] = []
        for name in request["groups"]:
            group = self._groups.get(name)
            if group is not None:
                rows.append(group.described())
            else:
                state = "Empty" if self._offsets.of(name) else "Dead"
                rows.append({"group_id": name, "group_state": state})
        answer({"groups": rows})

    def _delete_groups(self, version: int, request: Row, client: Client, answer: Answer) -> None:
        names = list(dict.fromkeys(request["groups_names"]))
        gathered = Gathered(len(names), lambda rows: answer({"results": rows}))
        for number, name in enumerate(names):
            self._delete_group(name, number, gathered)

    def _delete_group(self, name: str, number: int, gathered: Gathered) -> None:
        group = self._groups.get(name)
        if group is not None and group.members:
            gathered.take(number, {"group_id": name, "error_code": errors.NON_EMPTY_GROUP})
        elif group is None and not self._offsets.of(name):
            gathered.take(number, {"group_id": name, "error_code": errors.GROUP_ID_NOT_FOUND})
        else:
            self._groups.by_id.pop(name, None)
            self._offsets.forget(name, lambda failure: gathered.take(number, {"group_id": name}))


def api_versions(error: int = errors.NONE) -> Row:
    """What is answered to, as an answer to ApiVersions."""
    return {
        "error_code": error,
        "api_keys": [
            {"api_key": api.key, "min_version": api.lowest, "max_version": api.highest}
            for api in sorted(APIS.values(), key=lambda each: each.key)
        ],
    }


def _is_name(name: str) -> bool:
    return NAME.fullmatch(name) is not None and name not in (".", "..")


def _config_rows(configs: Configs) -> list[Row]:
    return [
        {
            "name": name,
            "value": value,
            "read_only": True,
            "config_source": _FROM_DEFAULT if default else _FROM_TOPIC,
            "config_type": 2,
        }
        for name, (value, default) in configs.told().items()
    ]


def _by_topic(rows: list[Row], key: str) -> list[Row]:
    """Rows of partitions below their topics, in the order of their coming."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row[key], []).append(row)
    return [{key: name, "partitions": group} for name, group in found.items()]
