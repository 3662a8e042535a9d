-- +goose Up
-- The mirror of each account: written by its worker only (worker/mirror).
-- Ids are whatsapp-web.js ids: 4915…@c.us, …@g.us, …@lid.
create table contacts (
    instance_id   text not null references instances (id) on delete cascade,
    id            text not null,
    lid           text not null default '',
    name          text not null default '', -- saved in the phone's address book
    short_name    text not null default '',
    push_name     text not null default '',
    business_name text not null default '',
    updated_at    timestamptz not null,
    primary key (instance_id, id)
);
create index contacts_lid on contacts (instance_id, lid) where lid <> '';

create table chats (
    instance_id  text not null references instances (id) on delete cascade,
    id           text not null,
    name         text not null default '',
    is_group     boolean not null,
    unread_count integer not null default 0, -- -1: marked unread
    timestamp    bigint not null default 0,  -- unix seconds of the newest message
    archived     boolean not null default false,
    pinned       boolean not null default false,
    muted_until  bigint not null default 0,  -- unix seconds, -1 for ever
    read_only    boolean not null default false,
    metadata     json,                       -- groupMetadata
    primary key (instance_id, id)
);
create index chats_newest on chats (instance_id, pinned desc, timestamp desc);

create table messages (
    instance_id text not null references instances (id) on delete cascade,
    chat        text not null,
    id          text not null,               -- WhatsApp's message id
    from_me     boolean not null,
    sender      text not null,               -- author, without device
    timestamp   bigint not null,             -- unix seconds
    position    bigint generated always as identity, -- tie breaker: order of arrival
    type        text not null,
    body        text not null default '',
    ack         smallint not null,
    push_name   text not null default '',
    raw         bytea,                       -- waE2E.Message
    message     json not null,               -- the Message shape as first rendered, without ack, reactions, stars
    starred     boolean not null default false,
    has_reaction boolean not null default false,
    revoked_at  bigint,
    primary key (instance_id, chat, id)
);
create index messages_newest on messages (instance_id, chat, timestamp desc, position desc);
create index messages_by_id on messages (instance_id, id);

create table receipts (
    instance_id text not null references instances (id) on delete cascade,
    chat        text not null,
    message_id  text not null,
    participant text not null,
    delivered_at bigint,
    read_at      bigint,
    played_at    bigint,
    primary key (instance_id, chat, message_id, participant)
);

create table reactions (
    instance_id text not null references instances (id) on delete cascade,
    chat        text not null,
    message_id  text not null,
    sender      text not null,
    reaction    text not null,
    id          text not null,               -- id of the reaction message
    timestamp   bigint not null,
    read        boolean not null default false,
    primary key (instance_id, chat, message_id, sender)
);

-- +goose Down
drop table reactions, receipts, messages, chats, contacts;
