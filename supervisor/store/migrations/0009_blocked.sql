-- +goose Up
alter table contacts add column blocked boolean not null default false;

-- +goose Down
alter table contacts drop column blocked;
