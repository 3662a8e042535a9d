-- +goose Up
-- Who made a link page: a key, or a user; neither for those from before. A page ends
-- with what made it.
alter table link_pages add column created_by_key text not null default '',
    add column created_by_user text not null default '';
create index link_pages_by_key on link_pages (created_by_key) where ended_at is null;
create index link_pages_by_user on link_pages (created_by_user) where ended_at is null;

-- A page ends when its account is ready. Events are pruned, so they cannot be asked later.
update link_pages p set ended_at = now(), ended_by = 'ready', brand_logo = '' where ended_at is null
    and exists (select from events e where e.instance_id = p.instance_id and e.seq > p.made_at_seq and e.type = 'ready');

-- +goose StatementBegin
create function end_link_pages() returns trigger language plpgsql security definer as $$
begin
    update link_pages set ended_at = clock_timestamp(), ended_by = 'ready', brand_logo = ''
    where instance_id = new.instance_id and ended_at is null;
    return null;
end
$$;
-- +goose StatementEnd

-- It runs with the owner's rights, since workers write events and may not see pages:
-- it has to find our tables and nobody else's.
-- +goose StatementBegin
do $$
begin
    revoke execute on function end_link_pages() from public;
    execute format('alter function end_link_pages() set search_path = %I, pg_temp', current_schema());
end
$$;
-- +goose StatementEnd
create trigger events_end_link_pages after insert on events for each row when (new.type = 'ready') execute function end_link_pages();

-- +goose Down
drop trigger events_end_link_pages on events;
drop function end_link_pages();
drop index link_pages_by_user, link_pages_by_key;
alter table link_pages drop column created_by_key, drop column created_by_user;
