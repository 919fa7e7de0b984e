"""What the captures in ``sample_pcaps`` must be diagnosed as."""
