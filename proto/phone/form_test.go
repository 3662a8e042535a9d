package phone

import "testing"

func TestOtherForm(t *testing.T) {
	for name, c := range map[string]struct{ one, other string }{
		"Brazil":    {"5511987654321", "551187654321"},
		"Mexico":    {"5215512345678", "525512345678"},
		"Argentina": {"5491123456789", "541123456789"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := OtherForm(c.one); got != c.other {
				t.Errorf("%s: %q, want %q", c.one, got, c.other)
			}
			if got := OtherForm(c.other); got != c.one {
				t.Errorf("%s: %q, want %q", c.other, got, c.one)
			}
		})
	}
	for name, number := range map[string]string{
		"a landline in Brazil": "551133334444", "Germany": "4915123456789", "nothing": "", "too short": "5511", "United States": "15550100099",
	} {
		t.Run(name, func(t *testing.T) {
			if got := OtherForm(number); got != "" {
				t.Errorf("%s has the other form %s", number, got)
			}
		})
	}
}
