-- +goose Up
-- Which hidden id (LID) is whose phone number, as each instance has learnt it
-- for itself: written by its worker only (worker/lidstore). Whom a message is
-- sent to is taken from here, so nothing that one instance learns, calls or
-- imports may stand in another's rows.
create table lid_pairs (
    instance_id text    not null references instances (id) on delete cascade,
    lid         text    not null check (lid ~ '^[0-9]{1,20}$'), -- user part
    pn          text    not null check (pn ~ '^[0-9]{1,20}$'),  -- user part
    -- Carried over from elsewhere: it tells whose number a LID is, as the mirror
    -- shows it already, but not where to send. WhatsApp is asked for that.
    hint        boolean not null default false,
    primary key (instance_id, lid),
    unique (instance_id, pn)
);

-- What the mirror has noted. Some of it may have come out of the shared table,
-- and with it from other accounts, so these are hints.
insert into lid_pairs (instance_id, lid, pn, hint)
select instance_id, replace(lid, '@lid', ''), replace(id, '@c.us', ''), true from contacts
where id ~ '^[0-9]{1,20}@c\.us$' and lid ~ '^[0-9]{1,20}@lid$'
on conflict do nothing;

-- The table that all accounts shared: any of them could say there which account
-- another one's messages go to.
-- +goose StatementBegin
do $$
begin
    if to_regclass('whatsmeow.whatsmeow_lid_map') is not null then
        delete from whatsmeow.whatsmeow_lid_map;
    end if;
end
$$;
-- +goose StatementEnd

-- +goose Down
drop table lid_pairs;
