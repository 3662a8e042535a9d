-- +goose Up
-- Sends with a key: those the client gave an Idempotency-Key, those that wait
-- in the queue, and those of which nobody knows what became of them. Written
-- by the manager only.
create table sends (
    instance_id text not null references instances (id) on delete cascade,
    key         text not null,
    method      text not null,
    digest      bytea not null,              -- SHA-256 over method and parameters
    message_id  text not null,               -- of WhatsApp; fixed before the first attempt
    state       text not null check (state in ('running', 'queued', 'sent', 'failed', 'unknown', 'cancelled')),
    params      json,                        -- of a queued one, until it has ended
    result      json,                        -- the worker's answer, byte for byte
    error_code  text not null default '',
    error       text not null default '',    -- for people; no message text
    attempts    integer not null default 0,
    send_at     timestamptz,                 -- null: at once, outside the queue
    position    bigint not null generated always as identity,
    created_at  timestamptz not null,
    ended_at    timestamptz,                 -- sent, failed or cancelled
    primary key (instance_id, key)
);
create index sends_queue on sends (instance_id, send_at, position) where send_at is not null and state in ('queued', 'running');
create index sends_ended on sends (ended_at) where ended_at is not null;

-- Until when an instance's queue rests, as WhatsApp asked for.
create table send_pauses (
    instance_id text primary key references instances (id) on delete cascade,
    until       timestamptz not null,
    reason      text not null
);

-- +goose Down
drop table send_pauses;
drop table sends;
