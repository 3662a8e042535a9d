-- +goose Up
-- Which device of WhatsApp, and so which rows of whatsmeow's tables, are an
-- instance's. Nobody else's worker may see them: see package roles. Written by
-- the functions below only, which keep instances.device_jid in step.
create table devices (
    instance_id text primary key references instances (id) on delete cascade,
    jid         text not null unique
);

-- One device never was two instances'; should it be nevertheless, the one that
-- was started last has it, and the other has to be paired again.
insert into devices (instance_id, jid)
select distinct on (device_jid) id, device_jid from instances where device_jid <> ''
order by device_jid, deleted_at desc nulls first, moved_at desc nulls first, generation desc, id;

-- The instance that the session's role is for; null where roles are not for
-- one: the operator's, the manager's.
-- +goose StatementBegin
create function worker_instance() returns text language sql stable parallel safe
return case when session_user::text ~ '^wam_[0-9a-f]{8}_[a-z0-9]{12}_[0-9]+$' then substr(session_user::text, 14, 12) collate "default" end;
-- +goose StatementEnd

-- worker_check refuses to speak for an instance that is not the session's.
-- +goose StatementBegin
create function worker_check(instance text) returns void language plpgsql stable as $$
begin
    if worker_instance() <> instance then
        raise exception 'the role is another instance''s' using errcode = '42501';
    end if;
end
$$;
-- +goose StatementEnd

-- worker_device returns the device of an instance, '' before its first pairing,
-- null when there is no such instance.
-- +goose StatementBegin
create function worker_device(instance text) returns text language plpgsql stable security definer as $$
begin
    perform worker_check(instance);
    return (select coalesce((select d.jid from devices d where d.instance_id = i.id), '')
        from instances i where i.id = instance and i.deleted_at is null);
end
$$;
-- +goose StatementEnd

-- forget_device deletes what whatsmeow keeps of a device. Its tables may not be
-- there yet. All but the tokens go with the device.
-- +goose StatementBegin
create function forget_device(device text) returns void language plpgsql as $$
begin
    if to_regclass('whatsmeow.whatsmeow_privacy_tokens') is not null then
        delete from whatsmeow.whatsmeow_privacy_tokens where our_jid = device;
    end if;
    if to_regclass('whatsmeow.whatsmeow_device') is not null then
        delete from whatsmeow.whatsmeow_device where jid = device;
    end if;
end
$$;
-- +goose StatementEnd

-- claim_device gives an instance the device that it is about to pair. WM001: a
-- later worker has the feed, or the instance is gone. WM004: the device is
-- another instance's. Keys of a device that the instance had before are
-- deleted, and those that a deleted instance left.
-- +goose StatementBegin
create function claim_device(instance text, gen bigint, device text) returns void language plpgsql security definer as $$
declare
    former text;
begin
    perform worker_check(instance);
    perform from instances where id = instance and deleted_at is null for no key update;
    if not found or device = '' or exists (select from feeds f where f.instance_id = instance and f.generation > gen) then
        raise exception 'a later worker has the instance' using errcode = 'WM001';
    end if;
    if exists (select from devices d join instances i on i.id = d.instance_id
            where d.jid = device and d.instance_id <> instance and i.deleted_at is null) then
        raise exception 'the device cannot be had' using errcode = 'WM004';
    end if;
    select jid into former from devices where instance_id = instance;
    if former is distinct from device then
        -- Whatever lies there under its name is not of this pairing.
        perform forget_device(device);
        if former is not null then
            perform forget_device(former);
        end if;
        update instances set device_jid = '' where id in (select instance_id from devices where jid = device) and id <> instance;
        delete from devices where jid = device or instance_id = instance;
        begin
            insert into devices (instance_id, jid) values (instance, device);
        exception when unique_violation then -- somebody else at the same moment
            raise exception 'the device cannot be had' using errcode = 'WM004';
        end;
    end if;
    update instances set device_jid = device where id = instance;
end
$$;
-- +goose StatementEnd

-- release_device deletes the keys of an instance's device and frees it.
-- +goose StatementBegin
create function release_device(instance text, device text) returns void language plpgsql security definer as $$
begin
    perform worker_check(instance);
    perform from instances where id = instance for no key update;
    delete from devices where instance_id = instance and jid = device;
    if found then
        perform forget_device(device);
        update instances set device_jid = '' where id = instance and device_jid = device;
    end if;
end
$$;
-- +goose StatementEnd

-- find_messages is the mirror's search. Under row-level security the planner
-- may not use the index of words, whose operator could tell of other rows, so
-- it is done with the owner's rights, and for one instance.
-- +goose StatementBegin
create function find_messages(instance text, in_chat text, words text, at_most int, skip int) returns setof messages
language plpgsql stable security definer as $$
begin
    perform worker_check(instance);
    return query select m.* from messages m
    where m.instance_id = instance and (in_chat = '' or m.chat = in_chat)
      and message_words(m.instance_id, m.body) @@ (quote_literal(' ' || instance)::tsquery && to_tsquery('simple', words))
    order by m.timestamp desc, m.position desc
    limit at_most offset skip;
end
$$;
-- +goose StatementEnd

-- With the owner's rights they find our tables and nobody else's: pg_temp, in
-- which anybody may make some, comes last.
-- +goose StatementBegin
do $$
declare
    f regprocedure;
begin
    foreach f in array array['worker_instance()', 'worker_check(text)', 'worker_device(text)', 'forget_device(text)',
        'claim_device(text, bigint, text)', 'release_device(text, text)', 'find_messages(text, text, text, int, int)']::regprocedure[]
    loop
        execute format('revoke execute on function %s from public', f);
        if f <> 'worker_instance()'::regprocedure then
            execute format('alter function %s set search_path = %I, pg_temp', f, current_schema());
        end if;
    end loop;
end
$$;
-- +goose StatementEnd

-- +goose Down
drop function find_messages(text, text, text, int, int);
drop function release_device(text, text);
drop function claim_device(text, bigint, text);
drop function forget_device(text);
drop function worker_device(text);
drop function worker_check(text);
drop function worker_instance();
drop table devices;
