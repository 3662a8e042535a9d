-- +goose Up
-- Somebody voted, and no known secret opens the vote.
alter table votes add column unreadable boolean not null default false;

-- +goose Down
alter table votes drop column unreadable;
