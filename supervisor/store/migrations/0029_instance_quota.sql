-- +goose Up
-- null: the installation's default; 0: no limit
alter table users add column max_instances integer check (max_instances >= 0);

-- +goose Down
alter table users drop column max_instances;
