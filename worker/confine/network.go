package confine

import "github.com/landlock-lsm/go-landlock/landlock"

const (
	// WhatsAppPort is the only one that whatsmeow connects to, for the websocket and for media.
	WhatsAppPort = 443
	dnsPort      = 53 // over TCP where an answer is large; UDP is not restricted
)

// ports are those that may be connected to. None may be listened on.
func ports(s Settings) []landlock.Rule {
	rules := []landlock.Rule{landlock.ConnectTCP(dnsPort)}
	for _, port := range s.Ports {
		rules = append(rules, landlock.ConnectTCP(port))
	}
	return rules
}
