-- +goose Up
-- What came about messages before they did: somebody kept one, or added an option to a poll.
-- It is applied when the message comes, and forgotten when that takes too long.
create table early_changes (
    instance_id text not null references instances (id) on delete cascade,
    chat        text not null,
    message_id  text not null,           -- the message that has not come
    id          text not null,           -- of the message that tells the change
    from_me     boolean not null,
    sender      text not null,
    kept        boolean not null,        -- of a keep: on, or undone
    option      text not null,           -- of a poll; empty: it is a keep
    timestamp   bigint not null,         -- unix milliseconds
    noted_at    bigint not null,         -- unix milliseconds
    primary key (instance_id, chat, message_id, id, sender)
);

-- +goose Down
drop table early_changes;
