-- +goose Up
-- The mirror of each account: written by its worker only (worker/mirror).
-- Ids are whatsapp-web.js ids: 4915…@c.us, …@g.us, …@lid. One person has one
-- id: the phone-number form as soon as it is known.

-- The account an instance was last paired with; outlives a logout, so that the
-- mirror can still be read.
create table accounts (
    instance_id text primary key references instances (id) on delete cascade,
    id          text not null,
    lid         text not null default '',
    push_name   text not null default '',
    platform    text not null default ''
);

create table contacts (
    instance_id   text not null references instances (id) on delete cascade,
    id            text not null,
    lid           text not null default '',
    name          text not null default '', -- saved in the phone's address book
    short_name    text not null default '',
    push_name     text not null default '',
    business_name text not null default '',
    primary key (instance_id, id)
);
create index contacts_lid on contacts (instance_id, lid) where lid <> '';

-- Read whole or by id only, so there is no index on what every message changes
-- (timestamp, unread_count) and those updates stay within the page.
create table chats (
    instance_id  text not null references instances (id) on delete cascade,
    id           text not null,
    name         text not null default '',   -- group subject, or what the phone's history called it
    unread_count integer not null default 0, -- -1: marked unread
    timestamp    bigint not null default 0,  -- unix seconds of the newest message
    archived     boolean not null default false,
    pinned       boolean not null default false,
    muted_until  bigint not null default 0,  -- unix seconds, -1 for ever
    read_only    boolean not null default false,
    metadata     json,                       -- groupMetadata
    primary key (instance_id, id)
) with (fillfactor = 80);

-- The Message shape is rendered from raw and these columns when it is read.
create table messages (
    instance_id  text not null references instances (id) on delete cascade,
    chat         text not null,
    id           text not null,               -- WhatsApp's message id
    from_me      boolean not null,
    sender       text not null,               -- author, without device
    timestamp    bigint not null,             -- unix seconds
    position     bigint not null generated always as identity, -- tie breaker: order of arrival
    type         text not null,
    body         text not null default '',
    ack          smallint not null,
    push_name    text not null default '',
    raw          bytea,                       -- waE2E.Message; null: could not be decrypted, or revoked
    starred      boolean not null default false,
    has_reaction boolean not null default false,
    broadcast    boolean not null default false,
    history      boolean not null default false, -- came with the phone's history
    server_id    integer not null default 0,  -- channels
    recipients   integer not null default 0,  -- others in the group when it was sent; 0: not known
    edit_id      text not null default '',    -- message that carried the newest edit
    edited_at    bigint not null default 0,   -- unix milliseconds of the newest edit
    revoked_at   bigint not null default 0,   -- unix seconds
    revoke_id    text not null default '',    -- message that carried the revocation
    primary key (instance_id, id, chat)
);
create index messages_newest on messages (instance_id, chat, timestamp desc, position desc);

-- Who received, read, played an own message; unix seconds. A receipt may be
-- here before its message is.
create table receipts (
    instance_id  text not null references instances (id) on delete cascade,
    chat         text not null,
    message_id   text not null,
    participant  text not null,
    delivered_at bigint not null default 0,
    read_at      bigint not null default 0,
    played_at    bigint not null default 0,
    primary key (instance_id, chat, message_id, participant)
);

create table reactions (
    instance_id text not null references instances (id) on delete cascade,
    chat        text not null,
    message_id  text not null,
    sender      text not null,
    reaction    text not null,               -- '': taken back
    id          text not null,               -- id of the reaction message
    from_me     boolean not null,
    timestamp   bigint not null,             -- unix milliseconds
    read        boolean not null default false,
    primary key (instance_id, chat, message_id, sender)
);

create table votes (
    instance_id text not null references instances (id) on delete cascade,
    chat        text not null,
    message_id  text not null,
    voter       text not null,
    hashes      bytea[] not null,            -- SHA-256 of the chosen options' names
    timestamp   bigint not null,             -- unix milliseconds
    primary key (instance_id, chat, message_id, voter)
);

-- feed_advance claims n sequence numbers after from_head for the worker of
-- that generation, and fails unless it is the one that claimed the feed and
-- knows its head: WM001 fenced by a higher generation, WM002 the head moved.
-- As the first statement of a transaction it orders writers and makes
-- everything after it conditional. n = 0 only checks and holds the row.
-- +goose StatementBegin
create function feed_advance(instance text, gen bigint, from_head bigint, n bigint) returns void
language plpgsql as $$
declare
    now_gen bigint;
begin
    if n > 0 then
        update feeds set head = head + n
        where instance_id = instance and generation = gen and head = from_head;
    else
        perform 1 from feeds
        where instance_id = instance and generation = gen and head = from_head
        for update;
    end if;
    if not found then
        select generation into now_gen from feeds where instance_id = instance;
        if now_gen is distinct from gen then
            raise exception 'feed belongs to another generation' using errcode = 'WM001';
        end if;
        raise exception 'feed head moved' using errcode = 'WM002';
    end if;
end
$$;
-- +goose StatementEnd

-- +goose Down
drop function feed_advance(text, bigint, bigint, bigint);
drop table votes, reactions, receipts, messages, chats, contacts, accounts;
