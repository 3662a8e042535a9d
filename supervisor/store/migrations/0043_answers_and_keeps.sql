-- +goose Up
-- What people answered to an event, the newest answer of each.
create table event_responses (
    instance_id  text not null references instances (id) on delete cascade,
    chat         text not null,
    message_id   text not null,
    sender       text not null,
    id           text not null,      -- id of the message that answers
    from_me      boolean not null,
    response     text not null,      -- going, not_going, maybe or unknown
    extra_guests integer not null,
    timestamp    bigint not null,    -- unix milliseconds
    primary key (instance_id, chat, message_id, sender)
);

-- Whether somebody kept a message that would have disappeared; null: nobody ever did.
alter table messages add column kept boolean,
    add column keep_id text not null default '',    -- message that kept it, or undid that
    add column keep_by text not null default '',    -- who wrote that
    add column keep_at bigint not null default 0,   -- unix milliseconds
    add column kept_count integer not null default 0;

-- +goose Down
alter table messages drop column kept_count, drop column keep_at, drop column keep_by, drop column keep_id,
    drop column kept;
drop table event_responses;
