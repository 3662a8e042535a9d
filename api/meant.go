package api

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// meant refuses requests for a host that we are not: a page whose name was made
// to stand for our address would otherwise be of our origin in a browser.
func (s *Server) meant(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !s.hosts.Allow(c.Request().Host) {
			return &Problem{Type: "about:blank", Status: http.StatusMisdirectedRequest, Title: http.StatusText(http.StatusMisdirectedRequest), Code: "host_not_allowed", Field: "Host",
				Detail: "this server is not asked under that name; the operator can allow it (WAM_PUBLIC_URL, WAM_ALLOWED_HOSTS)"}
		}
		return next(c)
	}
}
