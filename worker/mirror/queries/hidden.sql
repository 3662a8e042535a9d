-- name: NoteHidden :exec
insert into hidden_people (instance_id, lid) select @instance_id, unnest(@lids::text[]) on conflict do nothing;

-- name: DropHidden :exec
delete from hidden_people where instance_id = $1 and lid = $2;

-- name: HidesPeople :one
select exists (select 1 from hidden_people where instance_id = $1);

-- name: FoundPeople :many
-- The people who were told by a hidden id, and whose number has become known since.
select h.lid, p.pn from hidden_people h
join lid_pairs p on p.instance_id = h.instance_id and p.lid = split_part(h.lid, '@', 1)
where h.instance_id = @instance_id
order by h.lid limit @at_most;
