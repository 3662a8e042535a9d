package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Build is this program's, set by the linker when it is built to be the worker.
var Build = chaosWorker

// builds are what upgrades go between.
var builds = []string{"chaos-1", "chaos-2"}

// programs are what an installation has, by name. The worker is this program.
var programs = []struct{ name, source string }{
	{chaosWorker, "whatsapp-manager/cmd/chaos"},
	{"whatsapp-manager", "whatsapp-manager/cmd/whatsapp-manager"},
}

// build makes the programs and installs them in l.bin; twice when the schedule
// has upgrades, which differ by their stamp.
func (l *lab) build(ctx context.Context) error {
	if err := os.Chmod(l.bin, 0o755); err != nil { // the private Postgres may run as another user
		return fmt.Errorf("open directory: %w", err)
	}
	plan := schedule(l.o)
	args, flags := []string{"build", "-trimpath"}, "-s -w"
	if plan.has(clockForward, clockBack) {
		path, err := overlay(ctx, l.bin)
		if err != nil {
			return err
		}
		file := filepath.Join(l.bin, "clock")
		if l.clock, err = openClock(file); err != nil {
			return err
		}
		l.o.say("building with a clock that can be stepped (minutes, the first time)")
		args, flags = append(args, "-overlay", path), flags+" -X time.stepFile="+file
	}
	stamps := builds[:1]
	if plan.has(upgradeReload, upgradeRestart) {
		stamps = builds
	}
	for _, stamp := range stamps {
		for _, p := range programs {
			build := exec.CommandContext(ctx, "go", append(args, "-ldflags", flags+" -X main.Build="+stamp, "-o", l.program(stamp, p.name), p.source)...)
			build.Stdout, build.Stderr = os.Stderr, os.Stderr
			if err := build.Run(); err != nil {
				return fmt.Errorf("build the programs: %w", err)
			}
		}
	}
	return l.install(builds[0])
}

func (l *lab) program(stamp, name string) string { return filepath.Join(l.bin, stamp, name) }

// install puts a build where the product is started from, each program by
// rename, as a package manager does.
func (l *lab) install(stamp string) error {
	for _, p := range programs {
		place := filepath.Join(l.bin, p.name)
		if err := errors.Join(os.Link(l.program(stamp, p.name), place+".new"), os.Rename(place+".new", place)); err != nil {
			return fmt.Errorf("install %s: %w", p.name, err)
		}
	}
	l.installed = stamp
	return nil
}
