-- +goose Up
-- Files of forms that wait in the queue with their send, in parts. They are deleted when
-- the send has ended. Without a key, the form is not complete, or its manager died.
create table send_files (
    id          text primary key,
    instance_id text not null references instances (id) on delete cascade,
    key         text,
    upload      text not null default '',    -- SHA-256 of the bytes in hex, as parameters name it
    size        bigint not null default 0,   -- of what has come
    created_at  timestamptz not null default now(),
    foreign key (instance_id, key) references sends (instance_id, key) on delete cascade
);
create index send_files_send on send_files (instance_id, key);
create table send_file_parts (
    instance_id text not null,
    file_id     text not null references send_files (id) on delete cascade,
    part        integer not null,
    data        bytea not null,
    primary key (file_id, part)
);
alter table send_file_parts alter column data set storage external; -- files are compressed already

-- +goose Down
drop table send_file_parts;
drop table send_files;
