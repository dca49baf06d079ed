package directory

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/go-ldap/ldap/v3"
)

// Crowd is a part of everyone whom user_filter may find.
type Crowd struct {
	People []*Person
	// Unread entries show no permanent id or no login: nobody can be found by them.
	Unread int
	// Estimate is how many entries the server thinks that there are in all; 0
	// where it does not say.
	Estimate int
}

// weighers is how many people of a page are looked at at a time, where the
// flavor has to ask for each.
const weighers = 4

// EachPerson reads everyone whom a recovery could find, as [Directory.Find]
// reads one, and calls f with a page after the other. Without an error f has seen
// everyone. An error of f ends the reading and is returned as it is.
func (d *Directory) EachPerson(ctx context.Context, pageSize int, f func(Crowd) error) error {
	r, err := d.OpenReader(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	known := d.known()
	request := d.subtree(d.config.BaseDN, anyLogin(d.userFilter(known)), 0, d.personAttributes(known)...)
	return r.pages(ctx, request, pageSize, func(result *ldap.SearchResult, answer *ldap.ControlPaging) error {
		crowd, err := d.crowd(ctx, known, r.conn.server, result.Entries)
		if err != nil {
			return err
		}
		crowd.Estimate = int(answer.PagingSize)
		return f(crowd)
	})
}

// personAttributes are those that a person is read with.
func (d *Directory) personAttributes(f flavor) []string {
	return append(f.accountAttributes(), d.loginAttribute(f), "displayName", "cn", "mail")
}

func (d *Directory) crowd(ctx context.Context, f flavor, s *server, entries []*ldap.Entry) (Crowd, error) {
	crowd := Crowd{People: make([]*Person, 0, len(entries))}
	for _, entry := range entries {
		p, err := d.personOf(f, entry, s)
		if err != nil {
			crowd.Unread++
			continue
		}
		crowd.People = append(crowd.People, p)
	}
	return crowd, each(crowd.People, func(p *Person) error {
		if err := d.weigh(ctx, f, s, p); err != nil {
			return err
		}
		return d.weighLock(ctx, p)
	})
}

// each calls f for all, a few at a time, and returns the first error.
func each[T any](all []T, f func(T) error) error {
	var first error
	var once sync.Once
	var running sync.WaitGroup
	work := make(chan T)
	for range min(weighers, len(all)) {
		running.Go(func() {
			for one := range work {
				if err := f(one); err != nil {
					once.Do(func() { first = err })
				}
			}
		})
	}
	for _, one := range all {
		work <- one
	}
	close(work)
	running.Wait()
	return first
}

// findAtOnce is how many logins or ids go into one filter.
const findAtOnce = 100

// Answer is what [Directory.FindAll] found for a login.
type Answer struct {
	ID ID
	// Err is nil, or [ErrNotFound] or whatever [Directory.Find] returns.
	Err error
}

// FindAll finds the permanent ids that [Directory.Find] would find, in the order
// of the logins, many in one search where user_filter is an assertion of
// login_attribute and nothing else names the login.
func (d *Directory) FindAll(ctx context.Context, logins []string) ([]Answer, error) {
	f, err := d.kindOfServer(ctx)
	if err != nil {
		return nil, err
	}
	answers := make([]Answer, len(logins))
	at := make([]int, len(logins))
	for i := range logins {
		at[i] = i
	}
	alone := at
	if _, asks := f.(memberReader); !asks && onlyByLogin(d.userFilter(f), d.loginAttribute(f)) {
		alone = nil
		for first := 0; first < len(at); first += findAtOnce {
			left, err := d.findSome(ctx, f, logins, at[first:min(first+findAtOnce, len(at))], answers)
			if err != nil {
				return nil, err
			}
			alone = append(alone, left...)
		}
	}
	err = each(alone, func(i int) error {
		p, err := d.Find(ctx, logins[i])
		if err == nil {
			answers[i].ID = p.ID
			return nil
		}
		answers[i].Err = err
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		return err
	})
	return answers, err
}

// Persons returns the texts of the permanent ids that [Directory.FindAll] finds, and
// an empty one for a login without.
func (d *Directory) Persons(ctx context.Context, logins []string) ([]string, error) {
	answers, err := d.FindAll(ctx, logins)
	if err != nil {
		return nil, err
	}
	persons := make([]string, len(logins))
	for i, answer := range answers {
		if answer.Err == nil {
			persons[i] = answer.ID.String()
		}
	}
	return persons, nil
}

// onlyByLogin reports whether a filter finds by the attribute of the login and
// by nothing else, so that an entry tells which login it was found by.
func onlyByLogin(filter, attribute string) bool {
	filter = strings.ToLower(filter)
	return strings.Count(filter, "{login}") == 1 && strings.Contains(filter, "("+strings.ToLower(attribute)+"={login})")
}

// findSome asks for some logins in one search and returns those that have to be
// asked for one by one: whoever is not found as it was typed may be written in
// another way.
func (d *Directory) findSome(ctx context.Context, f flavor, logins []string, at []int, answers []Answer) (alone []int, err error) {
	var filter strings.Builder
	byLogin := make(map[string][]int, len(at))
	for _, i := range at {
		if !isLogin(logins[i]) {
			answers[i].Err = ErrNotFound
			continue
		}
		one, ours := f.filter(d.userFilter(f), logins[i])
		if !ours {
			answers[i].Err = ErrNotFound
			continue
		}
		key := strings.ToLower(logins[i])
		if byLogin[key] = append(byLogin[key], i); len(byLogin[key]) == 1 {
			filter.WriteString(one)
		}
	}
	if len(byLogin) == 0 {
		return nil, nil
	}
	entries, s, err := d.search(ctx, d.subtree(d.config.BaseDN, "(|"+filter.String()+")", 0, d.personAttributes(f)...))
	if err != nil {
		return nil, unavailable("search for people", err)
	}
	found, plain := d.byLogin(f, entries, byLogin)
	if !plain {
		return at, nil
	}
	for key, all := range byLogin {
		p, err := d.only(f, s, found[key])
		for _, i := range all {
			if err != nil {
				alone = append(alone, i)
				continue
			}
			answers[i].ID = p.ID
		}
	}
	return alone, nil
}

// byLogin sorts entries by the logins that were asked for; not plain are answers
// with an entry that has none of them letter by letter.
func (d *Directory) byLogin(f flavor, entries []*ldap.Entry, asked map[string][]int) (found map[string][]*ldap.Entry, plain bool) {
	found = make(map[string][]*ldap.Entry, len(entries))
	for _, entry := range entries {
		known := false
		for _, value := range entry.GetEqualFoldAttributeValues(d.loginAttribute(f)) {
			key := strings.ToLower(value)
			known = known || asked[key] != nil
			found[key] = append(found[key], entry)
		}
		if !known {
			return nil, false
		}
	}
	return found, true
}

// only returns the person of the one entry that there must be.
func (d *Directory) only(f flavor, s *server, entries []*ldap.Entry) (*Person, error) {
	if len(entries) != 1 {
		return nil, ErrNotFound
	}
	return d.personOf(f, entries[0], s)
}

// Logins returns the logins of people by their ids; who is not there is not in
// it.
func (d *Directory) Logins(ctx context.Context, ids []ID) (map[ID]string, error) {
	f, err := d.kindOfServer(ctx)
	if err != nil {
		return nil, err
	}
	logins := make(map[ID]string, len(ids))
	for first := 0; first < len(ids); first += findAtOnce {
		var filter strings.Builder
		for _, id := range ids[first:min(first+findAtOnce, len(ids))] {
			one, err := f.idFilter(id)
			if err != nil {
				continue // of another kind of directory
			}
			filter.WriteString(one)
		}
		if filter.Len() == 0 {
			continue
		}
		all := "(&(|" + filter.String() + ")" + anyLogin(d.userFilter(f)) + ")"
		entries, s, err := d.search(ctx, d.subtree(d.config.BaseDN, all, 0, d.personAttributes(f)...))
		if err != nil {
			return nil, unavailable("search for people", err)
		}
		for _, entry := range entries {
			if p, err := d.personOf(f, entry, s); err == nil {
				logins[p.ID] = p.Login
			}
		}
	}
	return logins, nil
}
