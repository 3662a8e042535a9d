package confine

import "github.com/landlock-lsm/go-landlock/landlock"

const (
	// WhatsAppPort is the only port that whatsmeow connects to, for the websocket and for media.
	WhatsAppPort = 443
	dnsPort      = 53 // TCP is for large answers; UDP is not restricted
)

// ports are the ports that connections may go to. The worker may listen on none.
func ports(s Settings) []landlock.Rule {
	rules := []landlock.Rule{landlock.ConnectTCP(dnsPort)}
	for _, port := range s.Ports {
		rules = append(rules, landlock.ConnectTCP(port))
	}
	return rules
}
