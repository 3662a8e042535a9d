package route

// Access says who may use a route.
type Access int

// The kinds of access, from the widest to the narrowest.
const (
	Public      Access = iota // anyone
	SignedIn                  // a user with an access token
	Admin                     // an admin or superadmin
	OwnInstance               // a user, or the API key of the instance; handlers narrow it to one instance
)

// The names of the security schemes in the document, and the header of a key.
const (
	schemeUser = "accessToken"
	schemeKey  = "apiKey"
	HeaderKey  = "X-API-Key"
)

// Security is what the document says of a route with that access.
func Security(who Access) []map[string][]string {
	switch who {
	case Public:
		return nil
	case OwnInstance:
		return []map[string][]string{{schemeUser: {}}, {schemeKey: {}}}
	default:
		return []map[string][]string{{schemeUser: {}}}
	}
}
