from .tour import Section as Section, Tour as Tour, tour as tour
