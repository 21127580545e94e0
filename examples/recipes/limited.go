// Waits for its turn before each call, with net/http alone: go run limited.go <policy> <identifier> <times>
// TOLLGATE_URL and TOLLGATE_TOKEN say where to ask.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"
)

// Decision is what a check is answered. RetryAfter and Delay are milliseconds.
type Decision struct {
	Success    bool    `json:"success"`
	Remaining  int64   `json:"remaining"`
	RetryAfter *int64  `json:"retryAfter"`
	Delay      int64   `json:"delay"`
	Permit     *string `json:"permit"`
}

var client = &http.Client{Timeout: 5 * time.Second}

// ask sends one question, and once more where the answer was lost: under the same operation it is
// charged once.
func ask(ctx context.Context, path string, question map[string]any) (decision Decision, err error) {
	operation := make([]byte, 16)
	if _, err = rand.Read(operation); err != nil {
		return
	}
	if path == "/limit" {
		question["operation"] = fmt.Sprintf("%x", operation)
	}
	body, err := json.Marshal(question)
	if err != nil {
		return
	}
	for attempt := 0; attempt < 2; attempt++ {
		var request *http.Request
		request, err = http.NewRequestWithContext(ctx, "POST", os.Getenv("TOLLGATE_URL")+path, bytes.NewReader(body))
		if err != nil {
			return
		}
		request.Header.Set("Authorization", "Bearer "+os.Getenv("TOLLGATE_TOKEN"))
		var response *http.Response
		if response, err = client.Do(request); err != nil {
			continue
		}
		var text []byte
		text, err = io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			continue
		}
		if response.StatusCode != 200 && response.StatusCode != 429 {
			return decision, fmt.Errorf("%s", text)
		}
		return decision, json.Unmarshal(text, &decision)
	}
	return
}

// Allow says whether it may go ahead now, as rate.Limiter does.
func Allow(ctx context.Context, policy, identifier string) (bool, error) {
	decision, err := ask(ctx, "/limit", map[string]any{"policy": policy, "identifier": identifier})
	return decision.Success, err
}

// Wait returns when it may go ahead: a refusal says to the millisecond when to come back.
func Wait(ctx context.Context, policy, identifier string) (Decision, error) {
	for {
		decision, err := ask(ctx, "/limit", map[string]any{"policy": policy, "identifier": identifier})
		if err != nil || decision.Success {
			return decision, err
		}
		if decision.RetryAfter == nil {
			return decision, fmt.Errorf("no wait would help")
		}
		select {
		case <-ctx.Done():
			return decision, ctx.Err()
		case <-time.After(time.Duration(*decision.RetryAfter) * time.Millisecond):
		}
	}
}

// Reserve takes the next place within an hour: Delay says how long it is until then, and cancel
// gives it back.
func Reserve(ctx context.Context, policy, identifier string) (Decision, func() error, error) {
	question := map[string]any{"policy": policy, "identifier": identifier, "maxDelay": "1h"}
	decision, err := ask(ctx, "/limit", question)
	cancel := func() error {
		if decision.Permit == nil {
			return nil
		}
		_, err := ask(ctx, "/limit/release", map[string]any{"permit": *decision.Permit})
		return err
	}
	return decision, cancel, err
}

func main() {
	policy, identifier := os.Args[1], os.Args[2]
	times, err := strconv.Atoi(os.Args[3])
	ctx := context.Background()
	for i := 0; err == nil && i < times; i++ {
		var decision Decision
		if decision, err = Wait(ctx, policy, identifier); err == nil {
			fmt.Println(decision.Remaining)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if len(os.Args) > 4 { // show the other two as well
		allowed, _ := Allow(ctx, policy, identifier)
		place, cancel, _ := Reserve(ctx, policy, identifier)
		fmt.Println(allowed, place.Success, place.Delay > 0, cancel() == nil)
	}
}
