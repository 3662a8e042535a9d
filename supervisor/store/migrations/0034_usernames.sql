-- +goose Up
-- The name by which somebody is found without a phone number, where WhatsApp told it.
alter table contacts add column username text not null default '';

-- +goose Down
alter table contacts drop column username;
