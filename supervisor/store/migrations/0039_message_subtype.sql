-- +goose Up
-- Why a message has no content: WhatsApp Web's subtype of a placeholder.
alter table messages add column subtype text not null default '';

-- +goose Down
alter table messages drop column subtype;
