-- +goose Up
-- Which messages are pinned in their chats; written by the account's worker only.
create table pins (
    instance_id text not null references instances (id) on delete cascade,
    chat        text not null,
    message_id  text not null,
    pinned      boolean not null, -- false: it was, and an older pin must not come back
    changed_at  bigint not null,  -- unix milliseconds, by the clock of who pinned
    until       bigint not null,  -- unix seconds; 0: without an end
    primary key (instance_id, chat, message_id)
);

-- What whatsapp-web.js keeps in the browser's profile.
create table preferences (
    instance_id text not null references instances (id) on delete cascade,
    name        text not null,
    value       boolean not null,
    primary key (instance_id, name)
);

-- +goose Down
drop table preferences;
drop table pins;
