"""The messages that clients and consoles send, as data, and the versions that are answered.

Narrow on purpose: the newest version that librdkafka, kcat, kafka-python and the Java clients of Kafka 4 choose, and
what they need to find that out. The lower ends are what they look for to tell what a broker can do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from connectors.broker.schema import Array, Field, MessageSchema

F = Field


@dataclass(frozen=True)
class ApiKind:
    """A kind of request. ``lowest``: what is told; below ``served`` there is no answer but the end of the connection,
    as with Kafka 4, which tells 0 for Produce too: librdkafka before 2.8 compresses only for a broker that does."""

    key: int
    name: str
    lowest: int
    highest: int
    flexible: int
    request: MessageSchema | None = None
    response: MessageSchema | None = None
    served: int = 0


def _by_topic(*fields: Field, name: str = "name") -> Field:
    """``fields`` of each partition of each topic, as most messages have them. ``name``: of the topic's own field."""
    return F("topics", Array((F(name, "string"), F("partitions", Array(fields)))))


_TOPIC_PARTITIONS = Array((F("name", "string"), F("partition_indexes", Array("int32"))))

_API_VERSIONS = ApiKind(
    18,
    "ApiVersions",
    0,
    3,
    3,
    MessageSchema(
        "ApiVersions request",
        3,
        (F("client_software_name", "string", since=3), F("client_software_version", "string", since=3)),
    ),
    MessageSchema(
        "ApiVersions response",
        3,
        (
            F("error_code", "int16"),
            F("api_keys", Array((F("api_key", "int16"), F("min_version", "int16"), F("max_version", "int16")))),
            F("throttle_time_ms", "int32", since=1),
        ),
    ),
)

_METADATA = ApiKind(
    3,
    "Metadata",
    0,
    12,
    9,
    MessageSchema(
        "Metadata request",
        9,
        (
            F("topics", Array((F("topic_id", "uuid", since=10), F("name", "string", null=10))), null=1),
            F("allow_auto_topic_creation", "boolean", since=4),
            F("include_cluster_authorized_operations", "boolean", since=8, until=10),
            F("include_topic_authorized_operations", "boolean", since=8),
        ),
    ),
    MessageSchema(
        "Metadata response",
        9,
        (
            F("throttle_time_ms", "int32", since=3),
            F(
                "brokers",
                Array(
                    (
                        F("node_id", "int32"),
                        F("host", "string"),
                        F("port", "int32"),
                        F("rack", "string", since=1, null=1),
                    )
                ),
            ),
            F("cluster_id", "string", since=2, null=2),
            F("controller_id", "int32", since=1),
            F(
                "topics",
                Array(
                    (
                        F("error_code", "int16"),
                        F("name", "string", null=12),
                        F("topic_id", "uuid", since=10),
                        F("is_internal", "boolean", since=1),
                        F(
                            "partitions",
                            Array(
                                (
                                    F("error_code", "int16"),
                                    F("partition_index", "int32"),
                                    F("leader_id", "int32"),
                                    F("leader_epoch", "int32", since=7),
                                    F("replica_nodes", Array("int32")),
                                    F("isr_nodes", Array("int32")),
                                    F("offline_replicas", Array("int32"), since=5),
                                )
                            ),
                        ),
                        F("topic_authorized_operations", "int32", since=8, absent=-(1 << 31)),
                    )
                ),
            ),
            F("cluster_authorized_operations", "int32", since=8, until=10, absent=-(1 << 31)),
        ),
    ),
)

_LIST_OFFSETS = ApiKind(
    2,
    "ListOffsets",
    1,
    7,
    6,
    MessageSchema(
        "ListOffsets request",
        6,
        (
            F("replica_id", "int32"),
            F("isolation_level", "int8", since=2),
            _by_topic(
                F("partition_index", "int32"),
                F("current_leader_epoch", "int32", since=4, absent=-1),
                F("timestamp", "int64"),
            ),
        ),
    ),
    MessageSchema(
        "ListOffsets response",
        6,
        (
            F("throttle_time_ms", "int32", since=2),
            _by_topic(
                F("partition_index", "int32"),
                F("error_code", "int16"),
                F("timestamp", "int64", absent=-1),
                F("offset", "int64", absent=-1),
                F("leader_epoch", "int32", since=4, absent=-1),
            ),
        ),
    ),
    served=1,
)

_INIT_PRODUCER_ID = ApiKind(
    22,
    "InitProducerId",
    0,
    4,
    2,
    MessageSchema(
        "InitProducerId request",
        2,
        (
            F("transactional_id", "string", null=0),
            F("transaction_timeout_ms", "int32"),
            F("producer_id", "int64", since=3, absent=-1),
            F("producer_epoch", "int16", since=3, absent=-1),
        ),
    ),
    MessageSchema(
        "InitProducerId response",
        2,
        (
            F("throttle_time_ms", "int32"),
            F("error_code", "int16"),
            F("producer_id", "int64", absent=-1),
            F("producer_epoch", "int16", absent=-1),
        ),
    ),
)

_COORDINATOR = (
    F("node_id", "int32", absent=-1),
    F("host", "string"),
    F("port", "int32", absent=-1),
)

_FIND_COORDINATOR = ApiKind(
    10,
    "FindCoordinator",
    0,
    4,
    3,
    MessageSchema(
        "FindCoordinator request",
        3,
        (
            F("key", "string", until=3),
            F("key_type", "int8", since=1),
            F("coordinator_keys", Array("string"), since=4),
        ),
    ),
    MessageSchema(
        "FindCoordinator response",
        3,
        (
            F("throttle_time_ms", "int32", since=1),
            F("error_code", "int16", until=3),
            F("error_message", "string", since=1, until=3, null=1),
            *(F(field.name, field.kind, until=3, absent=field.absent) for field in _COORDINATOR),
            F(
                "coordinators",
                Array(
                    (
                        F("key", "string"),
                        *_COORDINATOR,
                        F("error_code", "int16"),
                        F("error_message", "string", null=4),
                    )
                ),
                since=4,
            ),
        ),
    ),
)

_CREATE_TOPICS = ApiKind(
    19,
    "CreateTopics",
    2,
    7,
    5,
    MessageSchema(
        "CreateTopics request",
        5,
        (
            F(
                "topics",
                Array(
                    (
                        F("name", "string"),
                        F("num_partitions", "int32"),
                        F("replication_factor", "int16"),
                        F("assignments", Array((F("partition_index", "int32"), F("broker_ids", Array("int32"))))),
                        F("configs", Array((F("name", "string"), F("value", "string", null=0)))),
                    )
                ),
            ),
            F("timeout_ms", "int32"),
            F("validate_only", "boolean", since=1),
        ),
    ),
    MessageSchema(
        "CreateTopics response",
        5,
        (
            F("throttle_time_ms", "int32", since=2),
            F(
                "topics",
                Array(
                    (
                        F("name", "string"),
                        F("topic_id", "uuid", since=7),
                        F("error_code", "int16"),
                        F("error_message", "string", since=1, null=0),
                        F("num_partitions", "int32", since=5, absent=-1),
                        F("replication_factor", "int16", since=5, absent=-1),
                        F(
                            "configs",
                            Array(
                                (
                                    F("name", "string"),
                                    F("value", "string", null=0),
                                    F("read_only", "boolean"),
                                    F("config_source", "int8", absent=-1),
                                    F("is_sensitive", "boolean"),
                                )
                            ),
                            since=5,
                            null=5,
                        ),
                    )
                ),
            ),
        ),
    ),
    served=2,
)

_DELETE_TOPICS = ApiKind(
    20,
    "DeleteTopics",
    1,
    6,
    4,
    MessageSchema(
        "DeleteTopics request",
        4,
        (
            F("topics", Array((F("name", "string", null=6), F("topic_id", "uuid"))), since=6),
            F("topic_names", Array("string"), until=5),
            F("timeout_ms", "int32"),
        ),
    ),
    MessageSchema(
        "DeleteTopics response",
        4,
        (
            F("throttle_time_ms", "int32", since=1),
            F(
                "responses",
                Array(
                    (
                        F("name", "string", null=6, absent=""),
                        F("topic_id", "uuid", since=6),
                        F("error_code", "int16"),
                        F("error_message", "string", since=5, null=5),
                    )
                ),
            ),
        ),
    ),
    served=1,
)

_DELETE_RECORDS = ApiKind(
    21,
    "DeleteRecords",
    0,
    2,
    2,
    MessageSchema(
        "DeleteRecords request",
        2,
        (
            F(
                "topics",
                Array(
                    (
                        F("name", "string"),
                        F("partitions", Array((F("partition_index", "int32"), F("offset", "int64")))),
                    )
                ),
            ),
            F("timeout_ms", "int32"),
        ),
    ),
    MessageSchema(
        "DeleteRecords response",
        2,
        (
            F("throttle_time_ms", "int32"),
            _by_topic(
                F("partition_index", "int32"),
                F("low_watermark", "int64", absent=-1),
                F("error_code", "int16"),
            ),
        ),
    ),
)

_DESCRIBE_CONFIGS = ApiKind(
    32,
    "DescribeConfigs",
    1,
    4,
    4,
    MessageSchema(
        "DescribeConfigs request",
        4,
        (
            F(
                "resources",
                Array(
                    (
                        F("resource_type", "int8"),
                        F("resource_name", "string"),
                        F("configuration_keys", Array("string"), null=0),
                    )
                ),
            ),
            F("include_synonyms", "boolean", since=1),
            F("include_documentation", "boolean", since=3),
        ),
    ),
    MessageSchema(
        "DescribeConfigs response",
        4,
        (
            F("throttle_time_ms", "int32"),
            F(
                "results",
                Array(
                    (
                        F("error_code", "int16"),
                        F("error_message", "string", null=0),
                        F("resource_type", "int8"),
                        F("resource_name", "string"),
                        F(
                            "configs",
                            Array(
                                (
                                    F("name", "string"),
                                    F("value", "string", null=0),
                                    F("read_only", "boolean"),
                                    F("config_source", "int8", since=1, absent=-1),
                                    F("is_sensitive", "boolean"),
                                    F(
                                        "synonyms",
                                        Array(
                                            (
                                                F("name", "string"),
                                                F("value", "string", null=0),
                                                F("source", "int8"),
                                            )
                                        ),
                                        since=1,
                                    ),
                                    F("config_type", "int8", since=3),
                                    F("documentation", "string", since=3, null=3),
                                )
                            ),
                        ),
                    )
                ),
            ),
        ),
    ),
    served=1,
)

_OFFSET_FOR_LEADER_EPOCH = ApiKind(
    23,
    "OffsetForLeaderEpoch",
    2,
    4,
    4,
    MessageSchema(
        "OffsetForLeaderEpoch request",
        4,
        (
            F("replica_id", "int32", since=3, absent=-2),
            _by_topic(
                F("partition", "int32"),
                F("current_leader_epoch", "int32", since=2, absent=-1),
                F("leader_epoch", "int32"),
                name="topic",
            ),
        ),
    ),
    MessageSchema(
        "OffsetForLeaderEpoch response",
        4,
        (
            F("throttle_time_ms", "int32", since=2),
            _by_topic(
                F("error_code", "int16"),
                F("partition", "int32"),
                F("leader_epoch", "int32", since=1, absent=-1),
                F("end_offset", "int64", absent=-1),
                name="topic",
            ),
        ),
    ),
    served=2,
)

_DESCRIBE_CLUSTER = ApiKind(
    60,
    "DescribeCluster",
    0,
    0,
    0,
    MessageSchema("DescribeCluster request", 0, (F("include_cluster_authorized_operations", "boolean"),)),
    MessageSchema(
        "DescribeCluster response",
        0,
        (
            F("throttle_time_ms", "int32"),
            F("error_code", "int16"),
            F("error_message", "string", null=0),
            F("cluster_id", "string"),
            F("controller_id", "int32"),
            F(
                "brokers",
                Array(
                    (
                        F("broker_id", "int32"),
                        F("host", "string"),
                        F("port", "int32"),
                        F("rack", "string", null=0),
                    )
                ),
            ),
            F("cluster_authorized_operations", "int32", absent=-(1 << 31)),
        ),
    ),
)

_JOIN_GROUP = ApiKind(
    11,
    "JoinGroup",
    0,
    9,
    6,
    MessageSchema(
        "JoinGroup request",
        6,
        (
            F("group_id", "string"),
            F("session_timeout_ms", "int32"),
            F("rebalance_timeout_ms", "int32", since=1, absent=-1),
            F("member_id", "string"),
            F("group_instance_id", "string", since=5, null=5),
            F("protocol_type", "string"),
            F("protocols", Array((F("name", "string"), F("metadata", "bytes")))),
            F("reason", "string", since=8, null=8),
        ),
    ),
    MessageSchema(
        "JoinGroup response",
        6,
        (
            F("throttle_time_ms", "int32", since=2),
            F("error_code", "int16"),
            F("generation_id", "int32", absent=-1),
            F("protocol_type", "string", since=7, null=7),
            F("protocol_name", "string", null=7, absent=""),
            F("leader", "string"),
            F("skip_assignment", "boolean", since=9),
            F("member_id", "string"),
            F(
                "members",
                Array(
                    (
                        F("member_id", "string"),
                        F("group_instance_id", "string", since=5, null=5),
                        F("metadata", "bytes"),
                    )
                ),
            ),
        ),
    ),
)

_SYNC_GROUP = ApiKind(
    14,
    "SyncGroup",
    0,
    5,
    4,
    MessageSchema(
        "SyncGroup request",
        4,
        (
            F("group_id", "string"),
            F("generation_id", "int32"),
            F("member_id", "string"),
            F("group_instance_id", "string", since=3, null=3),
            F("protocol_type", "string", since=5, null=5),
            F("protocol_name", "string", since=5, null=5),
            F("assignments", Array((F("member_id", "string"), F("assignment", "bytes")))),
        ),
    ),
    MessageSchema(
        "SyncGroup response",
        4,
        (
            F("throttle_time_ms", "int32", since=1),
            F("error_code", "int16"),
            F("protocol_type", "string", since=5, null=5),
            F("protocol_name", "string", since=5, null=5),
            F("assignment", "bytes"),
        ),
    ),
)

_HEARTBEAT = ApiKind(
    12,
    "Heartbeat",
    0,
    4,
    4,
    MessageSchema(
        "Heartbeat request",
        4,
        (
            F("group_id", "string"),
            F("generation_id", "int32"),
            F("member_id", "string"),
            F("group_instance_id", "string", since=3, null=3),
        ),
    ),
    MessageSchema("Heartbeat response", 4, (F("throttle_time_ms", "int32", since=1), F("error_code", "int16"))),
)

_LEAVE_GROUP = ApiKind(
    13,
    "LeaveGroup",
    0,
    5,
    4,
    MessageSchema(
        "LeaveGroup request",
        4,
        (
            F("group_id", "string"),
            F("member_id", "string", until=2),
            F(
                "members",
                Array(
                    (
                        F("member_id", "string"),
                        F("group_instance_id", "string", null=3),
                        F("reason", "string", since=5, null=5),
                    )
                ),
                since=3,
            ),
        ),
    ),
    MessageSchema(
        "LeaveGroup response",
        4,
        (
            F("throttle_time_ms", "int32", since=1),
            F("error_code", "int16"),
            F(
                "members",
                Array(
                    (F("member_id", "string"), F("group_instance_id", "string", null=3), F("error_code", "int16")),
                ),
                since=3,
            ),
        ),
    ),
)

_OFFSET_COMMIT = ApiKind(
    8,
    "OffsetCommit",
    2,
    8,
    8,
    MessageSchema(
        "OffsetCommit request",
        8,
        (
            F("group_id", "string"),
            F("generation_id_or_member_epoch", "int32", since=1, absent=-1),
            F("member_id", "string", since=1),
            F("group_instance_id", "string", since=7, null=7),
            F("retention_time_ms", "int64", since=2, until=4, absent=-1),
            _by_topic(
                F("partition_index", "int32"),
                F("committed_offset", "int64"),
                F("committed_leader_epoch", "int32", since=6, absent=-1),
                F("committed_metadata", "string", null=0),
            ),
        ),
    ),
    MessageSchema(
        "OffsetCommit response",
        8,
        (
            F("throttle_time_ms", "int32", since=3),
            F(
                "topics",
                Array(
                    (
                        F("name", "string"),
                        F("partitions", Array((F("partition_index", "int32"), F("error_code", "int16")))),
                    )
                ),
            ),
        ),
    ),
    served=2,
)

_COMMITTED = (
    F("partition_index", "int32"),
    F("committed_offset", "int64", absent=-1),
    F("committed_leader_epoch", "int32", since=5, absent=-1),
    F("metadata", "string", null=0),
    F("error_code", "int16"),
)
_COMMITTED_TOPICS = Array((F("name", "string"), F("partitions", Array(_COMMITTED))))

_OFFSET_FETCH = ApiKind(
    9,
    "OffsetFetch",
    1,
    8,
    6,
    MessageSchema(
        "OffsetFetch request",
        6,
        (
            F("group_id", "string", until=7),
            F("topics", _TOPIC_PARTITIONS, until=7, null=2),
            F("groups", Array((F("group_id", "string"), F("topics", _TOPIC_PARTITIONS, null=8))), since=8),
            F("require_stable", "boolean", since=7),
        ),
    ),
    MessageSchema(
        "OffsetFetch response",
        6,
        (
            F("throttle_time_ms", "int32", since=3),
            F("topics", _COMMITTED_TOPICS, until=7),
            F("error_code", "int16", since=2, until=7),
            F(
                "groups",
                Array((F("group_id", "string"), F("topics", _COMMITTED_TOPICS), F("error_code", "int16"))),
                since=8,
            ),
        ),
    ),
    served=1,
)

_LIST_GROUPS = ApiKind(
    16,
    "ListGroups",
    0,
    5,
    3,
    MessageSchema(
        "ListGroups request",
        3,
        (F("states_filter", Array("string"), since=4), F("types_filter", Array("string"), since=5)),
    ),
    MessageSchema(
        "ListGroups response",
        3,
        (
            F("throttle_time_ms", "int32", since=1),
            F("error_code", "int16"),
            F(
                "groups",
                Array(
                    (
                        F("group_id", "string"),
                        F("protocol_type", "string"),
                        F("group_state", "string", since=4),
                        F("group_type", "string", since=5),
                    )
                ),
            ),
        ),
    ),
)

_DESCRIBE_GROUPS = ApiKind(
    15,
    "DescribeGroups",
    0,
    5,
    5,
    MessageSchema(
        "DescribeGroups request",
        5,
        (F("groups", Array("string")), F("include_authorized_operations", "boolean", since=3)),
    ),
    MessageSchema(
        "DescribeGroups response",
        5,
        (
            F("throttle_time_ms", "int32", since=1),
            F(
                "groups",
                Array(
                    (
                        F("error_code", "int16"),
                        F("group_id", "string"),
                        F("group_state", "string"),
                        F("protocol_type", "string"),
                        F("protocol_data", "string"),
                        F(
                            "members",
                            Array(
                                (
                                    F("member_id", "string"),
                                    F("group_instance_id", "string", since=4, null=4),
                                    F("client_id", "string"),
                                    F("client_host", "string"),
                                    F("member_metadata", "bytes"),
                                    F("member_assignment", "bytes"),
                                )
                            ),
                        ),
                        F("authorized_operations", "int32", since=3, absent=-(1 << 31)),
                    )
                ),
            ),
        ),
    ),
)

_DELETE_GROUPS = ApiKind(
    42,
    "DeleteGroups",
    0,
    2,
    2,
    MessageSchema("DeleteGroups request", 2, (F("groups_names", Array("string")),)),
    MessageSchema(
        "DeleteGroups response",
        2,
        (
            F("throttle_time_ms", "int32"),
            F("results", Array((F("group_id", "string"), F("error_code", "int16")))),
        ),
    ),
)

PRODUCE: Final = ApiKind(0, "Produce", 0, 10, 9, served=3)
FETCH: Final = ApiKind(1, "Fetch", 4, 12, 12, served=4)
API_VERSIONS: Final = _API_VERSIONS

APIS: Final = {
    api.key: api
    for api in (
        PRODUCE,
        FETCH,
        _LIST_OFFSETS,
        _METADATA,
        _OFFSET_COMMIT,
        _OFFSET_FETCH,
        _FIND_COORDINATOR,
        _JOIN_GROUP,
        _HEARTBEAT,
        _LEAVE_GROUP,
        _SYNC_GROUP,
        _DESCRIBE_GROUPS,
        _LIST_GROUPS,
        _API_VERSIONS,
        _CREATE_TOPICS,
        _DELETE_TOPICS,
        _DELETE_RECORDS,
        _INIT_PRODUCER_ID,
        _OFFSET_FOR_LEADER_EPOCH,
        _DESCRIBE_CONFIGS,
        _DELETE_GROUPS,
        _DESCRIBE_CLUSTER,
    )
}
