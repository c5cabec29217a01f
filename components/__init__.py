"""What a person sees and touches: charts, controls, panels, small web components."""
