package wasim

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"whatsapp-manager/worker/wasim/phone"
)

// buildHistory makes what a new account's phone hands over, registering the
// people in it who do not exist yet.
func (s *Server) buildHistory(number string, o AccountOptions) (phone.History, error) {
	history := o.History
	people := o.Contacts
	for i := len(people); i < o.Chats; i++ {
		// Numbers derived from the owner's keep two accounts' friends apart.
		people = append(people[:i:i], Contact{Number: number + fmt.Sprintf("%04d", i+1), Name: fmt.Sprintf("Friend %d", i+1)})
	}
	now := time.Now()
	for i, person := range people {
		digits := strings.TrimPrefix(person.Number, "+")
		if _, err := strconv.ParseUint(digits, 10, 63); err != nil {
			return history, fmt.Errorf("contact %q: %w", person.Number, ErrPhoneNumber)
		}
		friend := s.Account(digits)
		if friend == nil {
			s.mu.Lock()
			var err error
			friend, err = s.register(digits, person.Name, phone.History{})
			s.mu.Unlock()
			if err != nil {
				return history, err
			}
		}
		first, _, _ := strings.Cut(person.Name, " ")
		history.Contacts = append(history.Contacts, phone.Contact{
			PN: friend.pn, LID: friend.lid, FullName: person.Name, FirstName: first, PushName: friend.phone.PushName(),
		})
		if i >= o.Chats {
			continue
		}
		chat := phone.Conversation{Chat: friend.pn, Name: person.Name}
		for n := range o.Messages {
			chat.Messages = append(chat.Messages, phone.HistoryMessage{
				ID:     fmt.Sprintf("HIST%s%04d%06d", number, i, n),
				FromMe: n%2 == 1,
				Name:   person.Name,
				Text:   fmt.Sprintf("history %d with %s", n+1, person.Name),
				Time:   now.Add(-time.Duration(o.Messages-n) * time.Minute),
			})
		}
		history.Conversations = append(history.Conversations, chat)
	}
	return history, nil
}
