package loginguard

import (
	"bytes"
	"fmt"
	"testing"
	"time"
)

// try is what a login does.
func try(g *Guard, ip, name string, known bool, at time.Time) error {
	if err := g.From(ip, name, at); err != nil || known {
		return err
	}
	return g.At(name, at)
}

var noon = time.Unix(1_800_000_000, 0)

func TestManyAddressesGuessAtOneAccount(t *testing.T) {
	g, heard := New(), 0
	for i := range 200 { // in ten seconds, from forty addresses
		at := noon.Add(time.Duration(i) * 50 * time.Millisecond)
		if try(g, fmt.Sprintf("203.0.113.%d", i%40), "ada", false, at) == nil {
			heard++
		}
	}
	if heard > 8 {
		t.Errorf("%d of 200 guesses were heard", heard)
	}
	if err := try(g, "198.51.100.1", "ada", true, noon.Add(10*time.Second)); err != nil {
		t.Errorf("the owner, from where they always are: %v", err)
	}
	if err := try(g, "203.0.113.1", "ben", false, noon.Add(10*time.Second)); err != nil {
		t.Errorf("another account: %v", err)
	}
	tries := 0
	for at := noon; at.Before(noon.Add(24 * time.Hour)); at = at.Add(time.Second) {
		if try(g, fmt.Sprintf("2001:db8:%x::1", int(at.Unix())%60_000), "eve", false, at) == nil {
			tries++
		}
	}
	if tries > 320 || tries < 200 {
		t.Errorf("%d guesses in a day; it shall be slow and not locked", tries)
	}
}

func TestWhatIsForgotten(t *testing.T) {
	g := New()
	again := func(at time.Time) error { return try(g, "203.0.113.1", "ada", false, at) }
	for range triesOfAccount {
		if err := again(noon); err != nil {
			t.Fatal(err)
		}
	}
	if again(noon) == nil {
		t.Error("a sixth try at once")
	}
	g.Forgive("203.0.113.1", "ada", false)
	// The account knows the address from now on, and no other one.
	if err := try(g, "203.0.113.1", "ada", true, noon); err != nil {
		t.Errorf("after one that was right: %v", err)
	}
	if try(g, "203.0.113.2", "ada", false, noon) == nil {
		t.Error("a login from a known address gave others new tries")
	}
	g.Forgive("203.0.113.1", "ada", true)
	if err := try(g, "203.0.113.2", "ada", false, noon); err != nil {
		t.Errorf("a right login from a new address still counts as a guess: %v", err)
	}
	if try(g, "203.0.113.3", "ada", false, noon) == nil {
		t.Error("a login that was right gave others more than its own try")
	}
	for range triesOfAccount {
		_ = again(noon)
	}
	for i := range triesOfAccount {
		if err := again(noon.Add(2 * time.Hour)); err != nil {
			t.Errorf("try %d two hours later: %v", i, err)
		}
	}
}

func TestARefusedTryCostsNothing(t *testing.T) {
	g := New()
	for range 20 {
		_ = try(g, "203.0.113.1", "ada", true, noon)
	}
	for i := range triesOfIP - triesAtOnce {
		if err := try(g, "203.0.113.1", fmt.Sprint("user", i), true, noon); err != nil {
			t.Fatalf("account %d: %v", i, err)
		}
	}
	if try(g, "203.0.113.1", "one more", true, noon) == nil {
		t.Error("one address tries any number of accounts")
	}
}

func TestAHostHasManyAddressesOfIPv6(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		same bool
	}{
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
		{"2001:db8:1:2::1", "2001:db8:1:3::1", false},
		{"203.0.113.1", "203.0.113.2", false},
		{"::ffff:203.0.113.1", "203.0.113.1", true},
		{"fe80::1%eth0", "fe80::2", true},
		{"", "", true},
	} {
		t.Run(tc.a+" "+tc.b, func(t *testing.T) {
			if (Network(tc.a) == Network(tc.b)) != tc.same || bytes.Equal(Hash([]byte("k"), tc.a), Hash([]byte("k"), tc.b)) != tc.same {
				t.Errorf("%s, %s", Network(tc.a), Network(tc.b))
			}
		})
	}
	if bytes.Equal(Hash([]byte("k"), "203.0.113.1"), Hash([]byte("l"), "203.0.113.1")) {
		t.Error("the hash does not depend on the key")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	g := New()
	for i := range 3 * remembered {
		_ = try(g, fmt.Sprintf("2001:db8:%x:%x::1", i>>16, i&0xffff), fmt.Sprint(i), false, noon)
		if i%1000 == 0 { // one that is under attack all the time is not forgotten for it
			_ = try(g, fmt.Sprintf("2001:db8:ffff:%x::1", i>>4), "ada", false, noon)
		}
	}
	if g.limiters.Len() > 2*remembered || g.accounts.Len() > remembered {
		t.Errorf("%d limiters and %d accounts are remembered", g.limiters.Len(), g.accounts.Len())
	}
	if try(g, "198.51.100.7", "ada", false, noon) == nil {
		t.Error("a flood of other names made the guard forget an account")
	}
}

func TestAFloodOfFailuresIsAFewRecords(t *testing.T) {
	var l Ledger
	atOnce := 0
	for i := range 1000 {
		if l.Note("u", fmt.Sprint(i%200), noon.Add(time.Duration(i))) {
			atOnce++
		}
	}
	all := l.Flush()
	sum := atOnce
	for _, f := range all {
		sum += f.Count
	}
	if atOnce != noted || len(all) != noted+1 || sum != 1000 {
		t.Errorf("%d at once, %d more records, of %d failures", atOnce, len(all), sum)
	}
	if again := l.Flush(); len(again) != 0 {
		t.Errorf("told twice: %v", again)
	}
	if !l.Note("u", "1", noon) {
		t.Error("the next one is not recorded at once")
	}
}
