-- +goose Up
-- When an instance was moved to another server. From then on nothing here may
-- speak for its account, whatever a manager or an older build of one believes:
-- every start raises the generation first.
alter table instances add column moved_at timestamptz;

-- +goose StatementBegin
create function instance_moved() returns trigger language plpgsql as $$
begin
    raise exception 'the instance was moved to another server' using errcode = 'WM003';
end
$$;
-- +goose StatementEnd

create trigger instances_moved before update of generation, desired on instances for each row
when (old.moved_at is not null and new.moved_at is not null and (new.generation > old.generation or new.desired = 'run'))
execute function instance_moved();

-- +goose Down
drop trigger instances_moved on instances;
drop function instance_moved();
alter table instances drop column moved_at;
