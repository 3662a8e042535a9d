-- name: PutPin :exec
-- The newer change wins, whatever the order of arrival.
insert into pins (instance_id, chat, message_id, pinned, changed_at, until)
values ($1, $2, $3, $4, $5, $6)
on conflict (instance_id, chat, message_id) do update set
    pinned = excluded.pinned, changed_at = excluded.changed_at, until = excluded.until
where pins.changed_at <= excluded.changed_at;

-- name: PinnedMessages :many
-- The newest pin first. Nobody tells when a pin lapses, so its end counts.
select sqlc.embed(messages) from pins
join messages on messages.instance_id = pins.instance_id and messages.chat = pins.chat and messages.id = pins.message_id
where pins.instance_id = $1 and pins.chat = $2 and pins.pinned and (pins.until = 0 or pins.until > sqlc.arg(now)::bigint)
  and messages.revoked_at = 0
order by pins.changed_at desc, pins.message_id;

-- name: MergePins :exec
update pins p set chat = @id::text
where p.instance_id = @instance_id and p.chat = @lid::text
  and not exists (select 1 from pins o where o.instance_id = p.instance_id and o.chat = @id::text and o.message_id = p.message_id);

-- name: DropPins :exec
delete from pins where instance_id = $1 and chat = $2;

-- name: SetPreference :exec
insert into preferences (instance_id, name, value) values ($1, $2, $3)
on conflict (instance_id, name) do update set value = excluded.value;

-- name: Preference :one
select value from preferences where instance_id = $1 and name = $2;
