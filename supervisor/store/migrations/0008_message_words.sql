-- +goose NO TRANSACTION
-- +goose Up
-- The words of a message, and the instance behind a space, as no word is, so that one index
-- finds both at once. ASCII punctuation separates words: the parser of text
-- search would otherwise take addresses and paths as one word each.
-- +goose StatementBegin
create or replace function message_words(instance text, body text) returns tsvector
    language sql immutable parallel safe
    return to_tsvector('simple'::regconfig, translate(left(body, 100000), $chars$!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~$chars$, repeat(' ', 32)))
        || array_to_tsvector(array[' ' || instance]);
-- +goose StatementEnd
-- One that was broken off is not valid, and would be taken for one that is.
drop index concurrently if exists messages_words;
create index concurrently messages_words on messages using gin (message_words(instance_id, body));

-- +goose Down
drop index concurrently if exists messages_words;
drop function message_words;
