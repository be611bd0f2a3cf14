"""The keys that a configuration of the original system may have, by what becomes of them here."""

SERVED_BINDINGS = frozenset({"services", "assets", "d1_databases", "kv_namespaces", "queues"})
"""Kinds of bindings that something provides."""

SERVED = frozenset({"name", "main", "vars", "secrets", "callyard", "env"}) | SERVED_BINDINGS
"""Keys that this package reads."""

SILENT = frozenset(
    {"$schema", "compatibility_date", "compatibility_flags", "account_id", "workers_dev", "preview_urls"}
    | {"send_metrics", "keep_vars", "observability", "logpush", "upload_source_maps", "minify", "keep_names"}
    | {"no_bundle", "tsconfig", "dev", "first_party_worker", "jsx_factory", "jsx_fragment", "python_modules"}
)
"""Keys that say nothing about how a service behaves here."""

BINDINGS_TO_COME = frozenset(
    {"r2_buckets", "durable_objects", "vectorize", "hyperdrive"}
    | {"workflows", "ai", "ai_search", "browser", "images", "media", "analytics_engine_datasets", "pipelines"}
    | {"dispatch_namespaces", "mtls_certificates", "send_email", "version_metadata", "secrets_store_secrets"}
    | {"ratelimits", "worker_loaders", "vpc_services", "unsafe", "stream", "logfwdr"}
    | {"wasm_modules", "text_blobs", "data_blobs"}
)
"""Kinds of bindings that services may declare though nothing provides them yet."""

WITHOUT_EFFECT = frozenset(
    {"routes", "route", "triggers", "limits", "migrations", "build", "placement", "site", "tail_consumers"}
    | {"streaming_tail_consumers", "containers", "cloudchamber", "rules", "find_additional_modules", "base_dir"}
    | {"preserve_file_names", "alias", "define", "legacy_env", "cache", "previews", "compliance_region"}
)
"""Keys that do something in the original system and nothing here."""

KNOWN = SERVED | SILENT | BINDINGS_TO_COME | WITHOUT_EFFECT

INHERITED_BINDINGS = frozenset({"assets"})
"""The one kind of binding that an environment takes over from the top level."""

NOT_INHERITED = (
    frozenset({"vars", "secrets", "define", "tail_consumers", "streaming_tail_consumers"})
    | {"containers", "cloudchamber"}
    | ((SERVED_BINDINGS | BINDINGS_TO_COME) - INHERITED_BINDINGS)
)
"""Keys that an environment must repeat to have them."""

TOP_LEVEL_ONLY = frozenset(
    {"$schema", "env", "keep_vars", "migrations", "send_metrics", "site", "legacy_env"}
    | {"wasm_modules", "text_blobs", "data_blobs"}
)
"""Keys that mean nothing inside an environment."""
