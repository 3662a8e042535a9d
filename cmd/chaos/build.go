package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"whatsapp-manager/cmd/internal/lab"
)

// Build is this program's, set by the linker when it is built to be the worker.
var Build = chaosWorker

// builds are what upgrades go between.
var builds = []string{"chaos-build-1", "chaos-build-2"}

// programs are what an installation has, by name. The worker is this program.
var programs = []lab.Program{
	{Name: chaosWorker, Package: "whatsapp-manager/cmd/chaos"},
	{Name: "whatsapp-manager", Package: lab.Manager},
}

// build makes the programs and installs them in l.Bin; twice when the schedule
// has upgrades, which differ by their stamp.
func (l *chaosLab) build(ctx context.Context) error {
	plan := schedule(l.o)
	var args []string
	flags := "-s -w"
	if plan.has(clockForward, clockBack) {
		path, err := overlay(ctx, l.Bin)
		if err != nil {
			return err
		}
		file := filepath.Join(l.Bin, "clock")
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
		if err := os.Mkdir(filepath.Join(l.Bin, stamp), 0o755); err != nil {
			return fmt.Errorf("make directory: %w", err)
		}
	}
	first := filepath.Join(l.Bin, stamps[0])
	if err := lab.Build(ctx, first, append(args, "-ldflags", flags+" -X main.Build="+stamps[0]), programs...); err != nil {
		return err
	}
	for _, stamp := range stamps[1:] {
		if err := lab.Restamp(first, filepath.Join(l.Bin, stamp), stamps[0], stamp, programs...); err != nil {
			return err
		}
	}
	return l.install(builds[0])
}

func (l *chaosLab) program(stamp, name string) string { return filepath.Join(l.Bin, stamp, name) }

// install puts a build where the product is started from, each program by
// rename, as a package manager does.
func (l *chaosLab) install(stamp string) error {
	for _, p := range programs {
		place := filepath.Join(l.Bin, p.Name)
		if err := errors.Join(os.Link(l.program(stamp, p.Name), place+".new"), os.Rename(place+".new", place)); err != nil {
			return fmt.Errorf("install %s: %w", p.Name, err)
		}
	}
	l.installed = stamp
	return nil
}
