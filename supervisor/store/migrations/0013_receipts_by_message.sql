-- +goose NO TRANSACTION
-- +goose Up
-- What became of a send is asked by the message's id, of which the chat is not
-- known. The primary key has the chat before it: with 100,000 receipts of the
-- instance that read 1,462 pages.
-- One that was broken off is not valid, and would be taken for one that is.
drop index concurrently if exists receipts_message;
create index concurrently receipts_message on receipts (message_id);

-- +goose Down
drop index concurrently if exists receipts_message;
