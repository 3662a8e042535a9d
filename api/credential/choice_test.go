package credential

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestWhichPasswordsMayBeChosen(t *testing.T) {
	for _, tc := range []struct {
		name, password, email string
		good                  bool
	}{
		{"several words", "correct horse battery", "ada@example.com", true},
		{"one of ours", NewPassword(), "ada@example.com", true},
		{"another alphabet", "лошадь батарея скрепка", "ada@example.com", true},
		{"long and random", strings.Repeat("aB3$xqw9", 16), "ada@example.com", true},
		{"eleven characters", "k7#Qz!m2Wp9", "ada@example.com", false},
		{"too long", strings.Repeat("aB3$xqw9", 16) + "x", "ada@example.com", false},
		{"a common one", "passwordpassword", "ada@example.com", false},
		{"a common one with the usual changes", "P@ssw0rd2025!", "ada@example.com", false},
		{"a row of keys", "qwertyuiop123", "ada@example.com", false},
		{"the alphabet", "abcdefghijkl", "ada@example.com", false},
		{"one character", "aaaaaaaaaaaaaaaa", "ada@example.com", false},
		{"digits in a row", "1234567890123", "ada@example.com", false},
		{"the email", "ada@example.com", "ada@example.com", false},
		{"the email and more", "x9-Ada@Example.com-Kq", "ada@example.com", false},
		{"the name before the @", "lovelace.ada1815!", "lovelace.ada@example.com", false},
		{"parts of the email", "Lovelace1815!", "ada.lovelace@example.com", false},
		{"the product", "whatsapp-manager1", "ada@example.com", false},
		{"no email", "whatsapp manager 1", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := CheckChoice(tc.password, tc.email)
			if (err == nil) != tc.good {
				t.Errorf("%q: %v", tc.password, err)
			}
			var weak ErrWeak
			if err != nil && (!errors.As(err, &weak) || strings.Contains(err.Error(), tc.password)) {
				t.Errorf("the error is %q", err)
			}
		})
	}
}

func TestJudgingAPasswordIsNoWayToBurnTheCPU(t *testing.T) {
	for _, long := range []string{strings.Repeat("p4$$w0rd", 16), strings.Repeat("@4(", 42) + "!!", strings.Repeat("1", 128), strings.Repeat("é", 128)} {
		began := time.Now()
		_ = CheckChoice(long, strings.Repeat("a.b@", 60)+"example.com")
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%.12s…: %s", long, took)
		}
	}
}
