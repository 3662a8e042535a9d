// Package client runs the simulator as a program and drives it over its control
// API. It is for programs that must not link the simulator, whose Signal library
// has another licence: it imports the standard library only.
//
//	sim := client.NewProgram("/usr/bin/wasim")
//	go sim.Run(ctx)
//	<-sim.Started()
//	endpoint := sim.Endpoint() // for the clients of the simulator
//	err := sim.CreateAccount(ctx, client.Account{Number: "15550000001", Name: "Alice"})
//	err = sim.ScanQR(ctx, "15550000001", qrText)
//
// It offers what the demonstration and tests need. Package control describes the whole API.
package client
