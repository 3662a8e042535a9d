-- +goose Up
-- Nobody can tell from a file whether WhatsApp knows its device. So a device that came
-- in by a file is not proven until WhatsApp has let its keys in, and an account that is
-- paired meanwhile takes it over. jid is null when that happened: the instance is told.
alter table devices alter column jid drop not null,
    add column proven boolean not null default true,
    add column lost_at timestamptz,
    add constraint devices_lost check ((jid is null) = (lost_at is not null) and (proven or jid is not null));

-- A device whose instance never had a worker was not paired here, and did not log in.
update devices d set proven = false from instances i where i.id = d.instance_id and i.generation = 0;

-- claim_device gives an instance the device that it is about to pair: WhatsApp has
-- accepted its keys. WM001: a later worker has the feed, or the instance is gone.
-- WM004: the device is another instance's, and proven. One that is not proven is taken
-- over, without its keys. Keys of a device that the instance had before are deleted,
-- and those that a deleted instance left.
-- +goose StatementBegin
create or replace function claim_device(instance text, gen bigint, device text) returns void language plpgsql security definer as $$
declare
    former devices%rowtype;
    other devices%rowtype;
    other_lives boolean := false;
begin
    perform worker_check(instance);
    -- Both at once and in one order, so that two claims do not wait for each other.
    perform from instances where id in (select instance union select d.instance_id from devices d where d.jid = device)
        order by id for no key update;
    perform from instances where id = instance and deleted_at is null;
    if not found or device = '' or exists (select from feeds f where f.instance_id = instance and f.generation > gen) then
        raise exception 'a later worker has the instance' using errcode = 'WM001';
    end if;
    select d.* into other from devices d where d.jid = device and d.instance_id <> instance for update;
    if found then
        select i.deleted_at is null into other_lives from instances i where i.id = other.instance_id;
        if other_lives and other.proven then
            raise exception 'the device cannot be had' using errcode = 'WM004';
        end if;
    end if;
    select d.* into former from devices d where d.instance_id = instance for update;
    if former.jid is distinct from device or not former.proven then
        -- Whatever lies there under its name is not of this pairing.
        perform forget_device(device);
        if former.jid is not null then
            perform forget_device(former.jid);
        end if;
        if other.jid is not null then
            update instances set device_jid = '' where id = other.instance_id;
            if other_lives then
                update devices set jid = null, proven = true, lost_at = clock_timestamp() where instance_id = other.instance_id;
                insert into audit_log (at, action, target) values (clock_timestamp(), 'instance.device_taken', other.instance_id);
            else
                delete from devices where instance_id = other.instance_id;
            end if;
        end if;
        delete from devices where instance_id = instance;
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

-- prove_device notes that WhatsApp has let the instance's device in. WM001: a later
-- worker has the feed. WM004: the device is not the instance's any more.
-- +goose StatementBegin
create function prove_device(instance text, gen bigint, device text) returns void language plpgsql security definer as $$
begin
    perform worker_check(instance);
    if exists (select from feeds f where f.instance_id = instance and f.generation > gen) then
        raise exception 'a later worker has the instance' using errcode = 'WM001';
    end if;
    update devices set proven = true where instance_id = instance and jid = device;
    if not found then
        raise exception 'the device is another instance''s' using errcode = 'WM004';
    end if;
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
declare
    f regprocedure;
begin
    foreach f in array array['claim_device(text, bigint, text)', 'prove_device(text, bigint, text)']::regprocedure[]
    loop
        execute format('revoke execute on function %s from public', f);
        execute format('alter function %s set search_path = %I, pg_temp', f, current_schema());
    end loop;
end
$$;
-- +goose StatementEnd

-- +goose Down
drop function prove_device(text, bigint, text);
delete from devices where jid is null;
alter table devices drop constraint devices_lost, drop column lost_at, drop column proven, alter column jid set not null;
-- +goose StatementBegin
create or replace function claim_device(instance text, gen bigint, device text) returns void language plpgsql security definer as $$
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
-- +goose StatementBegin
do $$
begin
    execute format('alter function claim_device(text, bigint, text) set search_path = %I, pg_temp', current_schema());
end
$$;
-- +goose StatementEnd
