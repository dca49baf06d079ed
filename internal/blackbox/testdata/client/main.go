// Command client resets a password with nothing but what a public generator made
// of the contract. A test generates the rest of this package, gives the login
// and the new password as arguments, and writes the code to standard input.
package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := reset(ctx, os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func reset(ctx context.Context, server, login, password string) error {
	var token string
	client, err := NewClientWithResponses(server, WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		return nil
	}))
	if err != nil {
		return err
	}
	started, err := client.StartRecoveryWithResponse(ctx, nil, Login{Login: login})
	if err != nil || started.JSON202 == nil {
		return fmt.Errorf("start: %v, %s", err, started.Body)
	}
	id := started.JSON202.Id
	token = *started.JSON202.Token
	opened, err := client.OpenChallengeWithResponse(ctx, id, Challenged{Method: Email})
	if err != nil || opened.JSON202 == nil {
		return fmt.Errorf("challenge: %v, %s", err, opened.Body)
	}
	fmt.Println("code?")
	code, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil {
		return err
	}
	proved, err := client.ProveGateWithResponse(ctx, id, Answer{Method: Email, Code: strings.TrimSpace(code)})
	if err != nil || proved.JSON200 == nil {
		return fmt.Errorf("proof: %v, %s", err, proved.Body)
	}
	token = *proved.JSON200.Token
	rules, err := client.ReadPasswordPolicyWithResponse(ctx, id)
	if err != nil || rules.JSON200 == nil {
		return fmt.Errorf("rules: %v, %s", err, rules.Body)
	}
	set, err := client.SetPasswordWithResponse(ctx, id, NewPassword{Password: password})
	if err != nil || set.JSON200 == nil {
		return fmt.Errorf("password: %v, %s", err, set.Body)
	}
	fmt.Println(set.JSON200.State)
	return nil
}
