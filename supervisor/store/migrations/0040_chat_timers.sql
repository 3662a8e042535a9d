-- +goose Up
-- After how many seconds the messages of a chat with one person disappear, 0: never; and
-- when that was set, in unix seconds. Groups have theirs in their metadata.
alter table chats add column ephemeral_duration integer not null default 0,
    add column ephemeral_set_at bigint not null default 0;

-- +goose Down
alter table chats drop column ephemeral_set_at, drop column ephemeral_duration;
