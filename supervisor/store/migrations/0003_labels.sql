-- +goose Up
-- Labels of business accounts and the notes kept on customers, as the account's
-- app state has them. Written by the account's worker only (worker/mirror).
create table labels (
    instance_id text not null references instances (id) on delete cascade,
    id          text not null,
    name        text not null,
    color       integer not null, -- index into WhatsApp's palette
    primary key (instance_id, id)
);

-- A chat may be labelled before its label is known: app state comes in any order.
create table label_chats (
    instance_id text not null references instances (id) on delete cascade,
    chat        text not null,
    label_id    text not null,
    primary key (instance_id, chat, label_id)
);

create table customer_notes (
    instance_id text not null references instances (id) on delete cascade,
    chat        text not null,
    id          text not null,
    kind        text not null, -- structured, unstructured
    content     text not null,
    created_at  bigint not null, -- unix seconds
    modified_at bigint not null, -- unix seconds
    primary key (instance_id, chat)
);

-- +goose Down
drop table customer_notes, label_chats, labels;
