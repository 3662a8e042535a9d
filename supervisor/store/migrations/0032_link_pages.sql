-- +goose Up
-- Pages on which the person with the phone links an account, without a login.
create table link_pages (
    id           text primary key,
    instance_id  text not null references instances (id) on delete cascade,
    token_hash   bytea not null unique,
    language     text not null default '',
    redirect_url text not null default '',
    brand_name   text not null default '',
    brand_logo   text not null default '',
    made_at_seq  bigint not null,         -- the head of the feed then: a "ready" behind it ends the page
    created_at   timestamptz not null,
    expires_at   timestamptz not null,
    ended_at     timestamptz,
    ended_by     text not null default '' check (ended_by in ('', 'revoked', 'ready'))
);
create index link_pages_instance on link_pages (instance_id, created_at);

-- +goose Down
drop table link_pages;
