-- +goose Up
-- With which key the secrets of this database are sealed. The key itself is in a
-- file elsewhere; proof is a value that it opens, so that a manager with another
-- file finds out before it does anything.
create table database_seal (
    one    boolean primary key default true check (one),
    key_id text not null,
    proof  bytea not null,
    since  timestamptz not null default now() -- this key
);

-- +goose Down
drop table database_seal;
