package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"whatsapp-manager/api/problem"
	"whatsapp-manager/api/trace"
	"whatsapp-manager/supervisor"
)

// stamp is how the proxy writes times: as JavaScript's toISOString does.
const stamp = "2006-01-02T15:04:05.000Z"

// headerReplayed is the response header of an answer that is that of an earlier
// request with the same key; "true" then.
const headerReplayed = "Idempotency-Replayed"

// Failure is the proxy's answer to a call that failed.
type Failure struct {
	Success   bool           `json:"success" example:"false"`
	Method    string         `json:"method"`
	Error     string         `json:"error" doc:"One sentence for people"`
	Code      string         `json:"code" doc:"Machine-readable" example:"invalid"`
	Details   map[string]any `json:"details" doc:"field: the parameter that is wrong; suggestions: methods with a similar name; retryAfter: seconds; idempotencyKey: of a send whose end was not seen, to ask for it and to repeat it safely; requestId"`
	Timestamp string         `json:"timestamp" format:"date-time"`
}

// Success is the proxy's answer to a call that worked. It documents; the
// answer itself is assembled around the worker's bytes.
type Success struct {
	Success    bool   `json:"success" example:"true"`
	InstanceID string `json:"instanceId"`
	Method     string `json:"method"`
	Result     any    `json:"result" doc:"In the shape that whatsapp-web.js gives it"`
	Timestamp  string `json:"timestamp" format:"date-time"`
}

// writeSuccess puts the worker's JSON into the envelope as it is.
func writeSuccess(c echo.Context, id supervisor.ID, method string, result json.RawMessage) error {
	if len(result) == 0 {
		result = json.RawMessage("null")
	}
	if trace.Of(c.Request().Context()).Replayed {
		c.Response().Header().Set(headerReplayed, "true")
	}
	if len(result) > largeResult {
		return writeParts(c, id, method, result)
	}
	// The id and the catalog's names need no escaping.
	const around = len(`{"success":true,"instanceId":"","method":"","result":,"timestamp":""}`) + len(stamp) + 1
	b := make([]byte, 0, around+len(id)+len(method)+len(result))
	b = append(b, `{"success":true,"instanceId":"`...)
	b = append(b, id...)
	b = append(b, `","method":"`...)
	b = append(b, method...)
	b = append(b, `","result":`...)
	b = append(b, result...)
	b = append(b, `,"timestamp":"`...)
	b = time.Now().UTC().AppendFormat(b, stamp)
	b = append(b, "\"}\n"...)
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, b)
}

// largeResult is what is not copied once more to be written.
const largeResult = 256 << 10

func writeParts(c echo.Context, id supervisor.ID, method string, result json.RawMessage) error {
	head := `{"success":true,"instanceId":"` + string(id) + `","method":"` + method + `","result":`
	tail := `,"timestamp":"` + time.Now().UTC().Format(stamp) + "\"}\n"
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	h.Set(echo.HeaderContentLength, strconv.Itoa(len(head)+len(result)+len(tail)))
	c.Response().WriteHeader(http.StatusOK)
	for _, part := range [][]byte{[]byte(head), result, []byte(tail)} {
		if _, err := c.Response().Write(part); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) writeFailure(c echo.Context, p *problem.Problem) {
	t := trace.Of(c.Request().Context())
	t.Code = p.Code
	details := map[string]any{"requestId": t.ID}
	if p.Field != "" {
		details["field"] = p.Field
	}
	if t.SendKey != "" {
		details["idempotencyKey"] = t.SendKey
	}
	if len(p.Suggestions) > 0 {
		details["suggestions"] = p.Suggestions
	}
	headers := p.GetHeaders()
	maps.Copy(c.Response().Header(), headers)
	if after := headers.Get("Retry-After"); after != "" {
		details["retryAfter"] = json.Number(after)
	}
	method := t.Method
	if method == "" {
		method = strings.ToValidUTF8(c.Param("method"), "\uFFFD")
	}
	failure := Failure{Method: trace.HideKeys(method), Error: p.Detail, Code: p.Code, Details: details, Timestamp: time.Now().UTC().Format(stamp)}
	if err := c.JSON(p.Status, failure); err != nil {
		s.log.Debug().Err(err).Msg("nobody read the error")
	}
}
