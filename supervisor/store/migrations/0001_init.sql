-- +goose Up
create table users (
    id            text primary key,
    email         text not null unique check (email = lower(email)),
    password_hash text not null,
    role          text not null check (role in ('user', 'admin', 'superadmin')),
    created_at    timestamptz not null,
    disabled_at   timestamptz
);

create table refresh_tokens (
    id         text primary key,
    user_id    text not null references users (id) on delete cascade,
    family     text not null,
    token_hash bytea not null unique,
    issued_at  timestamptz not null,
    expires_at timestamptz not null,
    used_at    timestamptz,
    revoked_at timestamptz
);
create index refresh_tokens_family on refresh_tokens (family);
create index refresh_tokens_user on refresh_tokens (user_id);

-- Values the installation generated for itself and keeps, e.g. the key that signs access tokens.
create table settings (
    key   text primary key,
    value bytea not null
);

create table nodes (
    id         text primary key,
    hostname   text not null,
    boot_id    text not null,
    started_at timestamptz not null,
    seen_at    timestamptz not null
);

create table instances (
    id               text primary key check (id ~ '^[a-z0-9]{12}$'),
    owner_id         text not null references users (id),
    name             text not null,
    description      text not null default '',
    desired          text not null default 'stop' check (desired in ('run', 'stop')),
    generation       bigint not null default 0 check (generation >= 0),
    node_id          text not null default '',
    -- AD-JID of our device in whatsmeow's store; written by the worker before pairing completes.
    device_jid       text not null default '',
    sends_per_minute integer not null default 20 check (sends_per_minute >= 0), -- 0: no limit
    created_at       timestamptz not null,
    updated_at       timestamptz not null,
    deleted_at       timestamptz
);
create index instances_owner on instances (owner_id);

create table api_keys (
    id           text primary key,
    instance_id  text not null references instances (id) on delete cascade,
    name         text not null default '',
    hash         bytea not null unique, -- SHA-256 of the key; the key itself is shown once and not kept
    prefix       text not null,         -- first characters, to tell keys apart
    created_at   timestamptz not null,
    last_used_at timestamptz,
    revoked_at   timestamptz
);
create index api_keys_instance on api_keys (instance_id);

create table audit_log (
    id       bigint generated always as identity primary key,
    at       timestamptz not null,
    user_id  text,
    action   text not null,
    target   text not null default '',
    detail   jsonb not null default '{}'
);

create table workers (
    instance_id   text primary key references instances (id) on delete cascade,
    generation    bigint not null,
    node_id       text not null,
    pid           integer not null,
    start_ticks   bigint not null,
    boot_id       text not null,
    socket        text not null,
    build         text not null,
    protocol      integer not null,
    started_at    timestamptz not null,
    attached_at   timestamptz,         -- null: ended before anybody attached
    link          jsonb,               -- protojson of worker.v1.Link without QR and pairing code
    rss_bytes     bigint not null default 0,
    cpu_percent   double precision not null default 0,
    responsive    boolean not null default true,
    last_frame_at timestamptz,
    sampled_at    timestamptz,
    exited_at     timestamptz,
    exit_reason   text not null default '',
    exit_code     integer
) with (fillfactor = 50); -- updated at every look; room keeps the updates out of the index

create table instance_history (
    id          bigint generated always as identity primary key,
    instance_id text not null references instances (id) on delete cascade,
    generation  bigint not null,
    from_state  text not null,
    to_state    text not null,
    why         text not null,
    at          timestamptz not null
);
create index instance_history_instance on instance_history (instance_id, id desc);

-- The head of each instance's feed. A worker appends by raising head in the
-- same transaction; the row lock orders writers and the generation fences a
-- late one: update … set head = head + n, generation = $gen where generation <= $gen.
create table feeds (
    instance_id text primary key references instances (id) on delete cascade,
    head        bigint not null default 0,
    generation  bigint not null default 0
) with (fillfactor = 50);

-- seq is dense and ordered per instance. key is derived from what WhatsApp
-- sent, so that a redelivery changes nothing. payload is
-- {"data": <first argument>, "args": [<all arguments>]} as the wwebjs event has them;
-- type json, not jsonb: what integrators read keeps its order.
create table events (
    instance_id text not null references instances (id) on delete cascade,
    seq         bigint not null,
    key         text not null,
    type        text not null,           -- message, message_ack, qr, ready, …
    lane        text not null default '', -- the chat; deliveries keep order per lane
    payload     json not null,
    at          timestamptz not null,
    primary key (instance_id, seq),
    unique (instance_id, key)
);

create table webhook_endpoints (
    id          text primary key,
    instance_id text not null references instances (id) on delete cascade,
    url         text not null,
    events      text[] not null default '{}', -- empty: all
    headers     jsonb not null default '{}',
    secret      bytea not null,
    enabled     boolean not null default true,
    cursor      bigint not null,              -- every seq up to here is delivered, in the backlog, or not subscribed
    created_at  timestamptz not null,
    updated_at  timestamptz not null,
    delivered   bigint not null default 0,
    last_error  text not null default '',
    last_delivered_at timestamptz
) with (fillfactor = 50);
create index webhook_endpoints_instance on webhook_endpoints (instance_id);

-- Events that could not be delivered at once, and all later ones of the same
-- lane, so that order per chat holds. dead: retries are spent.
create table webhook_backlog (
    endpoint_id text not null references webhook_endpoints (id) on delete cascade,
    seq         bigint not null,
    lane        text not null,
    attempts    integer not null default 0,
    next_at     timestamptz not null,
    dead_at     timestamptz,
    last_status integer,
    last_error  text not null default '',
    primary key (endpoint_id, seq)
);
create index webhook_backlog_due on webhook_backlog (endpoint_id, lane, seq) where dead_at is null;

-- What the last tries at a delivery brought; the newest are kept, for people.
create table webhook_attempts (
    id          bigint generated always as identity primary key,
    endpoint_id text not null references webhook_endpoints (id) on delete cascade,
    seq         bigint not null,
    at          timestamptz not null,
    status      integer,
    error       text not null default '',
    duration_ms integer not null
);
create index webhook_attempts_endpoint on webhook_attempts (endpoint_id, id desc);

-- +goose Down
drop table webhook_attempts, webhook_backlog, webhook_endpoints, events, feeds, instance_history,
    workers, audit_log, api_keys, instances, nodes, settings, refresh_tokens, users;
